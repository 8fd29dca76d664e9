// Network namespaces for the browsers: one each, so that an address can change under one of them and so that nothing but this
// server can be reached. Knows nothing of browsers or of the server.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { fileURLToPath } from 'node:url';

/** The address on which every browser reaches the server. Not loopback: Firefox sends no STUN to 127.0.0.1. */
export const SERVER_ADDRESS = '10.77.0.1';
/** Its name in these namespaces: Firefox speaks TLS to a relay only if that has one. */
export const SERVER_NAME = 'visavis.test';

const INSIDE = 'TESTS_INSIDE';

/** Starts this program again in its own network and mount namespace (as root, or as root of a user namespace) and ends with its code. */
export function enterOwnNamespace() {
  if (process.env[INSIDE]) return prepare();
  const asRoot = process.getuid() === 0;
  const flags = [...(asRoot ? [] : ['--user', '--map-root-user']), '--net', '--mount', '--kill-child'];
  const child = spawn('unshare', [...flags, process.execPath, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1', PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(error.message));
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
  return new Promise(() => {});
}

function prepare() {
  try {
    ip('link set lo up');
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run']); // where `ip netns` keeps its names; ours alone
    ip(`addr add ${SERVER_ADDRESS}/32 dev lo`);
    writeFileSync('/run/hosts', `${readFileSync('/etc/hosts', 'utf8')}\n${SERVER_ADDRESS} ${SERVER_NAME}\n`);
    execFileSync('mount', ['--bind', '/run/hosts', '/etc/hosts']);
  } catch (error) {
    fail(error.message);
  }
}

function fail(why) {
  console.error(`FAIL network namespaces: run as root, or allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1). ${why}`);
  process.exit(1);
}

export function ip(text) {
  execFileSync('ip', text.split(' '), { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Lets the browsers reach each other, for calls without the server. Off otherwise: they must not need it. */
export function letBrowsersMeet(yes) {
  writeFileSync('/proc/sys/net/ipv4/ip_forward', yes ? '1' : '0');
}

let made = 0;

/** A namespace joined to the server by a plain veth pair; `bare` leaves the joining to a subclass. */
export class Network {
  constructor(name, { bare = false } = {}) {
    made += 1;
    this.name = `${name}${made}`;
    this.subnet = `10.77.${made}`;
    this.host = 2;
    this.outer = `v${made}`;
    this.device = 'eth0';
    ip(`netns add ${this.name}`);
    // An IPv6 address that appears by itself two seconds later is a network change to Chromium, which then gives up what it is loading.
    execFileSync(this.enter[0], [...this.enter.slice(1), 'sh', '-c', 'for scope in all default; do echo 1 > /proc/sys/net/ipv6/conf/$scope/disable_ipv6; done']);
    if (bare) return;
    ip(`link add ${this.outer} type veth peer name eth0 netns ${this.name}`);
    ip(`addr add ${this.subnet}.1/24 dev ${this.outer}`);
    ip(`link set ${this.outer} up`);
    ip(`-n ${this.name} link set lo up`);
    this.up();
  }

  get address() {
    return `${this.subnet}.${this.host}`;
  }

  up() {
    ip(`-n ${this.name} addr add ${this.address}/24 dev ${this.device}`);
    ip(`-n ${this.name} link set ${this.device} up`);
    ip(`-n ${this.name} route add default via ${this.subnet}.1`);
  }

  /** What a move from Wi-Fi to the mobile network looks like: the old address is gone, a new one is there. */
  changeAddress() {
    ip(`-n ${this.name} addr del ${this.address}/24 dev ${this.device}`);
    this.host += 1;
    this.up();
  }

  /** The prefix of a command line that runs in this namespace. */
  get enter() {
    return ['nsenter', `--net=/run/netns/${this.name}`];
  }

  /** Makes a TCP port on the loopback of this namespace reachable at the same port here (a browser's remote control). */
  async forwardLoopback(port) {
    const socket = `/run/${this.name}-${port}.sock`;
    const relay = spawn(this.enter[0], [...this.enter.slice(1), process.execPath, fileURLToPath(import.meta.url), socket, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => relay.stdout.once('data', resolve));
    const server = net.createServer((here) => join(here, net.connect(socket)));
    await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
    return () => {
      server.close();
      relay.kill();
    };
  }

  remove() {
    spawnSync('ip', ['netns', 'del', this.name]);
  }
}

function join(a, b) {
  a.pipe(b).pipe(a);
  for (const end of [a, b]) end.on('error', () => { a.destroy(); b.destroy(); });
}

// The far half of forwardLoopback, run inside the namespace.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [socket, port] = process.argv.slice(2);
  net.createServer((here) => join(here, net.connect(Number(port), '127.0.0.1'))).listen(socket, () => console.log('ready'));
}

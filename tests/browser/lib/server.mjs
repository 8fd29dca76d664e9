// One running server in demo mode with its own data directory and ports, and its API. Knows the contract for scripts, nothing of browsers.
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SERVER_ADDRESS } from './network.mjs';
import { check, until } from './steps.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const BINARY = process.env.TEST_BINARY ?? resolve(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug/visavis');

let nextPort = 8443;

export class Server {
  /** Starts demo mode and waits for demo.json. `host`: the name that stands in links. `gate`: browsers come through a TCP gate that can be shut (WebSocket cut, media not). */
  static async start({ gate = false, host = SERVER_ADDRESS, settings = {} } = {}) {
    check(existsSync(BINARY), `${BINARY} is missing: cargo build`);
    const server = new Server();
    server.data = mkdtempSync(join(tmpdir(), 'visavis-demo-'));
    server.httpsPort = nextPort;
    server.publicPort = gate ? nextPort + 1 : nextPort;
    server.httpPort = nextPort + 2;
    server.mediaPort = nextPort + 3;
    nextPort += 10;
    server.host = host;
    server.settings = settings;
    if (gate) server.gate = await Gate.open(server.publicPort, server.httpsPort);
    await server.run();
    return server;
  }

  /** The same for one case: stopped when it ends, and its last words are printed when it failed. */
  static async forCase(after, options) {
    const server = await Server.start(options);
    after((outcome) => {
      if (outcome === 'failed') console.log(`     server log: ${server.log().split('\n').slice(-12).join('\n       ')}`);
      return server.stop();
    });
    return server;
  }

  async run() {
    const log = createWriteStream(this.logFile, { flags: 'a' });
    this.stopped = null;
    rmSync(join(this.data, 'data/demo.json'), { force: true }); // an old one would answer too early
    const settings = {
      'demo': 'true',
      'data.directory': join(this.data, 'data'),
      'tls.directory': join(this.data, 'certs'),
      'web.https': `0.0.0.0:${this.httpsPort}`,
      'web.http': `127.0.0.1:${this.httpPort}`,
      'web.public_url': `https://${this.host}:${this.publicPort}`,
      'media.port': this.mediaPort,
      'log.level': process.env.LOG_LEVEL ?? 'info',
      ...this.settings,
    };
    this.process = spawn(BINARY, Object.entries(settings).map(([key, value]) => `--${key}=${value}`), { cwd: this.data, stdio: ['ignore', 'pipe', 'pipe'] });
    const own = this.process;
    process.once('exit', () => own.kill('SIGKILL')); // a run that ends early leaves nothing behind
    this.process.stdout.pipe(log);
    this.process.stderr.pipe(log);
    this.process.on('exit', (code, signal) => { this.stopped = { code, signal }; });
    const began = Date.now();
    const demo = join(this.data, 'data/demo.json');
    await until('demo.json', async () => {
      if (this.stopped) throw Object.assign(new Error(`the server ended: ${JSON.stringify(this.stopped)}\n${this.log().slice(-2000)}`), { final: true });
      if (!existsSync(demo)) return false;
      this.demo = JSON.parse(readFileSync(demo, 'utf8'));
      return true;
    }, 30, 20);
    this.readyMs = Date.now() - began;
  }

  get logFile() {
    return join(this.data, 'server.log');
  }

  log() {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
  }

  get spki() {
    return this.demo.spki_sha256;
  }

  /** What a portal does: an appointment from 5 minutes ago for 20 minutes; answers `{reference, join_url}`. */
  async appointment({ name = 'Clara Citizen', language = 'en', startsInMinutes = -5, minutes = 20, ...details } = {}) {
    const start = new Date(Date.now() + startsInMinutes * 60_000);
    const end = new Date(start.getTime() + minutes * 60_000);
    const body = { service: 'advice', start: start.toISOString(), end: end.toISOString(), name, language, ...details };
    const answer = await send('POST', `${this.demo.api.url}/appointments`, { Authorization: `Bearer ${this.demo.api.key}` }, body);
    check(answer.status === 201, `POST /appointments: ${answer.status} ${answer.text}`);
    return { name, ...JSON.parse(answer.text) };
  }

  /** What a portal does: the service cancels. */
  async cancel(reference) {
    const answer = await send('DELETE', `${this.demo.api.url}/appointments/${reference}`, { Authorization: `Bearer ${this.demo.api.key}` });
    check(answer.status === 200, `DELETE /appointments: ${answer.status} ${answer.text}`);
  }

  /** The server's wall clock goes so many seconds ahead of the real one. */
  async moveClock(seconds) {
    const answer = await send('POST', `${this.demo.base_url ?? new URL(this.demo.api.url).origin}/demo/clock`, {}, { offset_seconds: seconds });
    check(answer.status === 200, `POST /demo/clock: ${answer.status} ${answer.text}`);
  }

  /** The mails that the demo would have sent to this address, once there are so many. */
  async mails(to, count) {
    return until(`${count} mails`, async () => {
      const answer = await send('GET', `${this.demo.mailbox_url}.json`);
      const mails = JSON.parse(answer.text).filter((mail) => mail.to === to);
      return mails.length >= count && mails;
    });
  }

  /** Power cut of the process; `restart` is what a supervisor would do. */
  kill(signal = 'SIGKILL') {
    this.process.kill(signal);
    return until('end of the server', async () => this.stopped, 10, 10);
  }

  async restart() {
    await this.run();
  }

  async stop() {
    this.gate?.close();
    if (this.process && !this.stopped) await this.kill('SIGKILL').catch(() => {});
    rmSync(this.data, { recursive: true, force: true });
  }
}

/** A TCP relay in front of the web port. `cut` resets what is open; while `shut`, new ones are reset too. */
class Gate {
  static async open(port, target) {
    const gate = new Gate();
    gate.ends = new Set();
    gate.shut = false;
    gate.listener = net.createServer((near) => {
      if (gate.shut) return near.resetAndDestroy();
      const far = net.connect(target, SERVER_ADDRESS);
      near.pipe(far).pipe(near);
      for (const end of [near, far]) {
        gate.ends.add(end);
        end.on('error', () => {});
        end.on('close', () => {
          gate.ends.delete(end);
          near.destroy();
          far.destroy();
        });
      }
    });
    await new Promise((done) => gate.listener.listen(port, '0.0.0.0', done));
    return gate;
  }

  cut() {
    for (const end of this.ends) end.resetAndDestroy();
  }

  close() {
    this.listener.close();
    this.cut();
  }
}

function send(method, url, headers = {}, body = undefined) {
  const text = body === undefined ? '' : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const call = request(url, { method, rejectUnauthorized: false, timeout: 10_000, headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text), ...headers } }, (response) => {
      let answer = '';
      response.on('data', (part) => { answer += part; });
      response.on('end', () => resolve({ status: response.statusCode, text: answer }));
    });
    call.on('error', reject);
    call.on('timeout', () => call.destroy(new Error('no answer in 10 s')));
    call.end(text);
  });
}

// A Network (tests/browser/lib/network.mjs) whose line can be made bad in mid-call; the work is done by link.py over two TUN devices.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Network, ip } from '../browser/lib/network.mjs';

export class LossyNetwork extends Network {
  /** A line without faults; `seed` decides every later loss. */
  static async make(name, seed = 1) {
    const network = new LossyNetwork(name, { bare: true });
    await network.#start(seed);
    return network;
  }

  async #start(seed) {
    this.near = `${this.outer}n`;
    this.far = `${this.outer}f`;
    this.process = spawn('python3', [fileURLToPath(new URL('link.py', import.meta.url)), this.near, this.far, this.name, String(seed)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
    await this.lines.next();
    ip(`addr add ${this.subnet}.1/24 dev ${this.near}`);
    ip(`link set ${this.near} up`);
    ip(`-n ${this.name} link set lo up`);
    this.device = this.far;
    this.up();
  }

  /** `{up, down}` as link.py reads them; one object for both directions is `both`. */
  shape({ both, up = both, down = both }) {
    this.process.stdin.write(`${JSON.stringify({ up: up ?? {}, down: down ?? {} })}\n`);
  }

  /** A firewall drops `udp`, or `all but TLS`; '' lets everything through. */
  block(what) {
    this.process.stdin.write(`${JSON.stringify({ block: what })}\n`);
  }

  /** The NAT in front of the client forgets its ports. */
  rebind() {
    this.process.stdin.write('{"nat": true}\n');
  }

  async report() {
    this.process.stdin.write('{"report": true}\n');
    return JSON.parse((await this.lines.next()).value);
  }

  remove() {
    this.process.stdin.end();
    super.remove();
  }
}

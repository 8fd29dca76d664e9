// A real mail server beside the server under test (tests/it/support/smtp_sink.py), and its mails as Python's email package reads them.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './steps.mjs';

const SUPPORT = fileURLToPath(new URL('../../it/support/', import.meta.url));
// Debian's own has the packages.
const PYTHON = '/usr/bin/python3';

export class MailServer {
  static async forCase(after) {
    const server = new MailServer();
    server.folder = mkdtempSync(join(tmpdir(), 'visavis-mail-'));
    server.process = spawn(PYTHON, [join(SUPPORT, 'smtp_sink.py'), server.folder, '0'], { stdio: 'ignore' });
    after(() => {
      server.process.kill();
      rmSync(server.folder, { recursive: true, force: true });
    });
    const told = join(server.folder, 'port');
    await until('the mail server', async () => existsSync(told), 20, 50);
    server.port = Number(readFileSync(told, 'utf8'));
    return server;
  }

  /** What a server under test is told. */
  get settings() {
    return { 'mail.server': `127.0.0.1:${this.port}`, 'mail.security': 'none', 'mail.from': 'Visavis <no-reply@visavis.example>' };
  }

  /** The mails, once there are so many: `{text, html, …}` of read_mail.py. */
  async mails(count) {
    const files = await until(`${count} mails at the mail server`, async () => {
      const there = readdirSync(this.folder).filter((name) => name.endsWith('.eml')).sort();
      return there.length >= count && there;
    }, 30);
    return JSON.parse(execFileSync(PYTHON, [join(SUPPORT, 'read_mail.py'), ...files.map((name) => join(this.folder, name))], { encoding: 'utf8' }));
  }
}

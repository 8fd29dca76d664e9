// A real OpenID Connect provider beside a running server, under the server's own certificate, so that browsers and server believe it. Knows nothing of screens.
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SERVER_ADDRESS } from './network.mjs';
import { check, until } from './steps.mjs';

const SCRIPT = fileURLToPath(new URL('../../oidc/provider.mjs', import.meta.url));
const SECRET = 'a secret of the tests, long enough';

/** Starts it for a case and starts the server anew with it. Options: `settings` of the server beside. */
export async function withProvider(after, server, settings = {}) {
  check(existsSync(fileURLToPath(new URL('../../oidc/node_modules/oidc-provider', import.meta.url))), 'oidc-provider is missing: npm --prefix tests/oidc ci');
  const port = server.httpsPort + 5;
  const issuer = `https://${SERVER_ADDRESS}:${port}`;
  const base = `https://${server.host}:${server.publicPort}`;
  const certificate = join(server.data, 'certs/development-certificate.pem');
  const key = join(server.data, 'certs/development-private-key.pem');
  const told = { issuer, port, host: '0.0.0.0', key, certificate, clients: [{ id: 'citizens', secret: SECRET, redirect: `${base}/signed-in` }, { id: 'agents', secret: SECRET, redirect: `${base}/agent/signed-in` }] };
  const process = spawn('node', [SCRIPT, JSON.stringify(told)], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [process.stdout, process.stderr]) stream.on('data', (part) => { said += part; });
  after(() => process.kill('SIGKILL'));
  await until('the provider', async () => said.includes('ready')).catch((error) => { throw new Error(`${error.message} ${said}`); });
  const secret = join(server.data, 'oidc.secret');
  writeFileSync(secret, SECRET, { mode: 0o400 });
  server.settings = { ...server.settings, ...settings };
  for (const [who, id] of [['citizens', 'citizens'], ['agents', 'agents']]) {
    Object.assign(server.settings, { [`oidc.${who}.issuer`]: issuer, [`oidc.${who}.client_id`]: id, [`oidc.${who}.secret_file`]: secret, [`oidc.${who}.ca_file`]: certificate });
  }
  server.settings['oidc.citizens.scopes'] = 'profile,email,phone';
  await server.kill('SIGTERM');
  await server.restart();
  return { issuer, stop: () => process.kill('SIGKILL') };
}

// A real OpenID Connect provider (oidc-provider) with a few people in it: each is chosen by one button, and so is how sure the provider says to be.
//   node provider.mjs '{"issuer", "port", "host", "key"?, "certificate"?, "clients": [{"id", "secret", "redirect"}]}'
// Prints "ready" when it listens. A stand-in for a national broker: nobody proves anything here.
import { readFileSync } from 'node:fs';
import { webcrypto } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';

globalThis.crypto ??= webcrypto; // Node 18 has it under another name
const { Provider } = await import('oidc-provider');

const { issuer, port, host, key, certificate, clients } = JSON.parse(process.argv[2]);

const LEVELS = ['http://eidas.europa.eu/LoA/low', 'http://eidas.europa.eu/LoA/substantial', 'http://eidas.europa.eu/LoA/high'];

const PEOPLE = {
  clara: { given_name: 'Clara', family_name: 'Weber-Thill', email: 'clara@example.lu', email_verified: true, phone_number: '+352 621 123 456' },
  jos: { name: 'Jos Schmit', email: 'jos@example.lu' },
  nameless: { email: 'nobody@example.lu' },
  anna: { name: 'Anna Adviser', roles: ['mail', 'visavis-agent'] },
  sofia: { name: 'Sofia Supervisor', roles: ['visavis-agent', 'visavis-supervisor'] },
  paul: { name: 'Paul Printer', roles: ['mail'] },
};

const provider = new Provider(issuer, {
  clients: clients.map(({ id, secret, redirect }) => ({ client_id: id, client_secret: secret, redirect_uris: [redirect], grant_types: ['authorization_code'], response_types: ['code'] })),
  acrValues: [...LEVELS, 'urn:example:unknown'],
  claims: { openid: ['sub'], profile: ['name', 'given_name', 'family_name', 'roles'], email: ['email', 'email_verified'], phone: ['phone_number'] },
  cookies: { keys: ['a key for tests'] },
  features: { devInteractions: { enabled: false } },
  pkce: { required: () => true },
  findAccount: (_, id) => (PEOPLE[id] ? { accountId: id, claims: async () => ({ sub: `subject-of-${id}`, ...PEOPLE[id] }) } : undefined),
  interactions: { url: (_, { uid }) => `/interaction/${uid}` },
  // Everybody has agreed to everything.
  async loadExistingGrant({ oidc }) {
    const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope('openid profile email phone');
    await grant.save();
    return grant;
  },
});

const button = (path, account, acr, text) => `<form method="post" action="${path}"><input type="hidden" name="account" value="${account}"><input type="hidden" name="acr" value="${acr}"><button>${text}</button></form>`;

const app = provider.callback();
const serve = async (request, response) => {
  const path = new URL(request.url, issuer).pathname;
  if (!path.startsWith('/interaction/')) return app(request, response);
  if (request.method === 'GET') {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    const people = Object.keys(PEOPLE).map((name) => button(path, name, LEVELS[1], `Sign in as ${name}`)).join('\n');
    return response.end(`<!doctype html><html lang="en"><title>Example broker</title><h1>Example broker</h1>${people}\n${button(path, 'clara', LEVELS[0], 'Sign in as clara, low')}\n${button(path, '', '', 'Give up')}</html>`);
  }
  let body = '';
  for await (const part of request) body += part;
  const { account, acr } = Object.fromEntries(new URLSearchParams(body));
  const result = account ? { login: { accountId: account, remember: false, ...(acr ? { acr } : {}) } } : { error: 'access_denied', error_description: 'gave up' };
  return provider.interactionFinished(request, response, result);
};

const guarded = (request, response) => serve(request, response).catch((error) => {
  console.error(error);
  response.statusCode = 500;
  response.end(String(error));
});
const server = key ? https.createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, guarded) : http.createServer(guarded);
server.listen(port, host, () => console.log('ready'));
// It ends with the test that started it, however that ends.
process.stdin.resume().on('end', () => process.exit(0));

// Nothing leaves for another host (P4) and nobody learns the other's address (P5), in one whole journey.
import { networkInterfaces } from 'node:os';
import { SERVER_ADDRESS } from '../lib/network.mjs';
import { Agent, Citizen, proveCall } from '../lib/people.mjs';
import { Server } from '../lib/server.mjs';
import { check, sleep, until } from '../lib/steps.mjs';

async function hosts(person) {
  const cdp = await person.page.createCDPSession();
  const seen = new Set();
  cdp.on('Network.requestWillBeSent', (event) => seen.add(event.request.url));
  cdp.on('Network.webSocketCreated', (event) => seen.add(event.url));
  await cdp.send('Network.enable');
  return seen;
}

function hostsOf(urls) {
  return [...new Set([...urls].filter((url) => /^(https?|wss?):/.test(url)).map((url) => new URL(url).host))];
}

const ownAddresses = () => Object.values(networkInterfaces()).flat().map(({ address }) => address);

export const cases = [
  {
    name: 'P4 and P5: no request to another host, no address but the server’s in the whole journey',
    async run({ after }) {
      // All that this end of the lines has while the server starts and later, the ends of lines of earlier cases included; the browsers' own are in their namespaces.
      const serverAddresses = ownAddresses();
      const server = await Server.start();
      after(() => server.stop());
      const agent = await Agent.signIn(server);
      const citizen = await Citizen.open(server);
      serverAddresses.push(...ownAddresses());
      const late = [await hosts(agent), await hosts(citizen)];
      await citizen.arrive();
      await agent.call(citizen.name);
      await citizen.answer();
      await proveCall(citizen, agent, { seconds: 5 });
      const own = [`${SERVER_ADDRESS}:${server.publicPort}`];
      for (const [index, person] of [agent, citizen].entries()) {
        const other = index === 0 ? citizen : agent;
        const asked = hostsOf([...person.browser.requests, ...late[index]]);
        check(asked.length > 0 && asked.every((host) => own.includes(host)), `${person.constructor.name} asked ${asked}`);
        const remote = await person.probe('remoteAddresses');
        check(remote.length > 0 && remote.every((address) => serverAddresses.includes(address)), `remote candidates ${remote}`);
        for (const { remote: sdp } of await person.probe('descriptions')) {
          check(sdp.includes('a=ice-lite'), 'the answer is the server’s own');
          for (const address of sdp.match(/\b\d+\.\d+\.\d+\.\d+\b/g) ?? []) check(serverAddresses.includes(address) || address === '0.0.0.0', `address ${address} in the answer`);
          check(!sdp.includes(other.browser.network.address) && !sdp.includes('.local'), 'the other’s address in the answer');
        }
      }
      const storage = await citizen.evaluate(() => ({ cookies: document.cookie, address: location.href }));
      check(storage.cookies === '', `script sees cookies: ${storage.cookies}`);
      check(!storage.address.includes('#'), 'the token stays in the address bar');
      await agent.press('Close consultation');
      await agent.press('Close now');
      await until('the end', async () => (await citizen.probe('phase')) === 'closed');
    },
  },
  ...[false, true].map((firefox) => ({
    name: `nothing of the citizen leaves the browser before admission, and nothing after a put back (${firefox ? 'Firefox' : 'Chromium'})`,
    async run({ after }) {
      const server = await Server.start();
      after(() => server.stop());
      const agent = await Agent.signIn(server);
      const citizen = await Citizen.open(server, { firefox });
      await citizen.arrive();
      await until('transport up', () => citizen.evaluate(() => window.visavisProbe.live().at(-1)?.connectionState === 'connected'));
      await sleep(2000);
      await agent.call(citizen.name);
      await citizen.phase('ringing');
      await sleep(1000);
      const idle = await citizen.probe('outbound');
      check(idle.every((entry) => (entry.bytes ?? 0) === 0), `sent before admission: ${JSON.stringify(idle)}`);
      await citizen.answer();
      await proveCall(citizen, agent, { seconds: 5 });
      await agent.press('Put back');
      await citizen.phase('waiting');
      await sleep(1000);
      const shut = await citizen.probe('outbound');
      await sleep(2000);
      const later = await citizen.probe('outbound');
      const bytes = (list) => list.reduce((sum, entry) => sum + (entry.bytes ?? 0), 0);
      check(bytes(later) === bytes(shut), `sent while put back: ${bytes(later) - bytes(shut)} bytes`);
    },
  })),
];

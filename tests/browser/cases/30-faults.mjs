// What must not end a call: the server dies, the WebSocket is cut, the address changes, the NAT forgets.
import { LossyNetwork } from '../../net/link.mjs';
import { meet, proveCall } from '../lib/people.mjs';
import { Server } from '../lib/server.mjs';
import { check, quantile, sleep, until } from '../lib/steps.mjs';

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 1);

/** Both see each other again; answers after how many ms since `since` (server clock = browser clock: one machine). */
async function back(people, since, seconds, options) {
  const times = [];
  for (const person of people) times.push(await until(`${person.constructor.name} has media again`, () => person.frameAfterGap(since, options), seconds, 50).catch(async (error) => {
    throw new Error(`${error.message}\n     ${JSON.stringify(await person.probe('states'))} ${await person.screen()}`);
  }));
  return times;
}

export const cases = [
  {
    name: `the server is killed in a call and started again, ${ROUNDS} times: same document, no new camera request, media is back`,
    seconds: 90 + ROUNDS * 20,
    async run({ after }) {
      const server = await Server.forCase(after);
      const { citizen, agent } = await meet(server);
      await proveCall(citizen, agent, { seconds: 5 });
      const before = [];
      for (const person of [citizen, agent]) before.push([await person.probe('document'), await person.probe('cameraRequests')]);
      const reference = (await citizen.probe('states')).at(-1).reference;
      const all = [];
      for (let round = 1; round <= ROUNDS; round += 1) {
        await sleep(1500 + Math.random() * 1000);
        const killed = Date.now();
        await server.kill('SIGKILL');
        await sleep(200); // what a supervisor waits
        await server.restart();
        const times = await back([citizen, agent], killed, 15);
        console.log(`     round ${round}: server ready ${server.readyMs} ms after its start, media back after ${times.map((ms) => ms.toFixed(0)).join(' and ')} ms`);
        all.push(...times);
      }
      await proveCall(citizen, agent, { seconds: 5 });
      for (const [index, person] of [citizen, agent].entries()) {
        check((await person.probe('document')) === before[index][0], 'the page was loaded again');
        check((await person.probe('cameraRequests')) === before[index][1], 'the camera was asked for again');
        check((await person.probe('states')).at(-1).phase === 'in_call', 'the seat was lost');
      }
      check((await citizen.probe('states')).at(-1).reference === reference, 'another appointment');
      console.log(`     ${JSON.stringify({ bench: 'kill -9', rounds: ROUNDS, p50_ms: Math.round(quantile(all, 0.5)), p95_ms: Math.round(quantile(all, 0.95)), max_ms: Math.round(Math.max(...all)) })}`);
      check(quantile(all, 0.95) < 4000, `95 % of ${all} should be below 4 s`);
      check(Math.max(...all) < 8000, `all of ${all} should be below 8 s`);
    },
  },
  {
    name: 'the WebSocket alone is cut: media goes on untouched and the state is replayed in 2 s',
    async run({ after }) {
      const server = await Server.forCase(after, { gate: true });
      const { citizen, agent } = await meet(server);
      await proveCall(citizen, agent, { seconds: 5 });
      const replays = [];
      for (let round = 0; round < 3; round += 1) {
        const at = Date.now();
        server.gate.cut();
        for (const person of [citizen, agent]) {
          const replay = await until('a replayed state', async () => (await person.probe('states')).find((state) => state.at > at), 10, 50);
          check(replay.phase === 'in_call', `phase ${replay.phase}`);
          replays.push(replay.at - at);
        }
        await sleep(1000);
        for (const person of [citizen, agent]) {
          const gaps = (await person.probe('gaps')).filter(({ to }) => to > at);
          check(gaps.every(({ from, to }) => to - from < 500), `${person.constructor.name} had gaps ${JSON.stringify(gaps)}`);
          check((await person.evaluate(() => window.visavisProbe.peerConnections.length)) === 1, 'a new peer connection was made');
        }
      }
      console.log(`     state replayed after ${replays.map((ms) => ms.toFixed(0)).join(', ')} ms`);
      check(Math.max(...replays) < 2000, `replayed after ${replays} ms`);
    },
  },
  ...[false, true].map((firefox) => ({
    name: `a citizen's address changes in a call (${firefox ? 'Firefox' : 'Chromium'}): media comes back without joining again`,
    async run({ after }) {
      const server = await Server.forCase(after);
      const { citizen, agent } = await meet(server, { citizen: { firefox } });
      await proveCall(citizen, agent, { seconds: 5 });
      const pages = await citizen.probe('document');
      const at = Date.now();
      citizen.browser.network.changeAddress();
      const times = await back([citizen, agent], at, 20);
      console.log(`     ${JSON.stringify({ bench: 'address change', browser: firefox ? 'Firefox' : 'Chromium', citizen_ms: Math.round(times[0]), agent_ms: Math.round(times[1]) })}`);
      check(Math.max(...times) < (firefox ? 6000 : 4000), `back after ${times} ms`);
      check((await citizen.probe('document')) === pages, 'the page was loaded again');
      await proveCall(citizen, agent, { seconds: 5 });
    },
  })),
  ...[false, true].map((firefox) => ({
    name: `the NAT in front of a citizen forgets its ports (${firefox ? 'Firefox' : 'Chromium'}): media comes back without joining again`,
    async run({ after }) {
      const network = await LossyNetwork.make('nat', 1);
      after(() => network.remove());
      const server = await Server.forCase(after);
      const { citizen, agent } = await meet(server, { citizen: { firefox, network } });
      await proveCall(citizen, agent, { seconds: 5 });
      const at = Date.now();
      network.rebind();
      const times = await back([citizen, agent], at, 20, { unnoticed: true });
      console.log(`     ${JSON.stringify({ bench: 'NAT rebinding', browser: firefox ? 'Firefox' : 'Chromium', citizen_ms: Math.round(times[0]), agent_ms: Math.round(times[1]) })}`);
      check(Math.max(...times) < (firefox ? 6000 : 4000), `back after ${times} ms`);
      await proveCall(citizen, agent, { seconds: 5 });
    },
  })),
];

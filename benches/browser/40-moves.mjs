// A citizen's address changes (Wi-Fi to mobile), or the NAT in front of them forgets its ports, again and again in one call: when both see each other again (trust.md N4).
import { LossyNetwork } from '../../tests/net/link.mjs';
import { meet, proveCall } from '../../tests/browser/lib/people.mjs';
import { Server } from '../../tests/browser/lib/server.mjs';
import { check, quantile, sleep, until } from '../../tests/browser/lib/steps.mjs';

const ROUNDS = Number(process.env.MOVE_ROUNDS ?? 20);

async function moves(after, { firefox, nat }) {
  const network = nat ? await LossyNetwork.make('move', 1) : undefined;
  if (network) after(() => network.remove());
  const server = await Server.start();
  after(() => server.stop());
  const { citizen, agent } = await meet(server, { citizen: { firefox, ...(network ? { network } : {}) } });
  await proveCall(citizen, agent, { seconds: 5, say: false });
  const page = await citizen.probe('document');
  const times = { citizen: [], agent: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    await sleep(4000 + Math.random() * 1000);
    const at = Date.now();
    if (nat) network.rebind();
    else citizen.browser.network.changeAddress();
    for (const [key, person] of [['citizen', citizen], ['agent', agent]]) {
      times[key].push(await until(`the ${key} has media again`, () => person.frameAfterGap(at, { unnoticed: nat }), 20, 50));
    }
  }
  check((await citizen.probe('document')) === page, 'the page was loaded again');
  await proveCall(citizen, agent, { seconds: 5, say: false });
  const failures = [];
  for (const [seen_by, values] of Object.entries(times)) {
    const figures = { bench: nat ? 'NAT rebinding' : 'address change', browser: firefox ? 'Firefox' : 'Chromium', seen_by, rounds: ROUNDS,
      p50_ms: Math.round(quantile(values, 0.5)), p95_ms: Math.round(quantile(values, 0.95)), max_ms: Math.round(Math.max(...values)) };
    console.log(`     ${JSON.stringify(figures)}`);
    if (figures.p95_ms >= (firefox ? 6000 : 4000)) failures.push(`${seen_by}: p95 ${figures.p95_ms} ms`);
  }
  check(failures.length === 0, failures.join('; '));
}

export const cases = [false, true].flatMap((nat) => [false, true].map((firefox) => ({
  name: `${nat ? 'NAT rebinding' : 'address change'}, ${firefox ? 'Firefox' : 'Chromium'}`,
  seconds: 90 + ROUNDS * 15,
  run: ({ after }) => moves(after, { firefox, nat }),
})));

// N7: nothing passes for half a minute, then everything again: the same call goes on without anybody doing anything, and how soon.
import { overServer, round } from '../../tests/browser/lib/beside.mjs';
import { proveCall } from '../../tests/browser/lib/people.mjs';
import { check, sleep, until } from '../../tests/browser/lib/steps.mjs';

const SECONDS = Number(process.env.HOLE_SECONDS ?? 30);
const BACK_SECONDS = 20;

export const cases = [false, true].map((firefox) => ({
  name: `nothing passes for ${SECONDS} s, ${firefox ? 'Firefox' : 'Chromium'}`,
  seconds: SECONDS + 150,
  run: () => overServer({ firefox, line: { both: { delay_ms: 20 } } }, async ({ network, citizen, agent }) => {
    await proveCall(citizen, agent, { seconds: 5, say: false });
    const page = await citizen.probe('document');
    network.shape({ both: { delay_ms: 20, loss: 1 } });
    network.block('udp');
    await sleep(SECONDS * 1000);
    const at = Date.now();
    network.block('');
    network.shape({ both: { delay_ms: 20 } });
    const back = {};
    for (const [key, person] of [['citizen', citizen], ['agent', agent]]) {
      await until(`the ${key} sees frames again`, async () => (await person.probe('lastFrameAt')) > at + 50, BACK_SECONDS, 50);
      back[`${key}_s`] = round((Date.now() - at) / 1000);
    }
    console.log(`     ${JSON.stringify({ bench: 'hole', browser: firefox ? 'Firefox' : 'Chromium', seconds: SECONDS, ...back })}`);
    check((await citizen.probe('document')) === page, 'the page was loaded again');
    check((await citizen.probe('phase')) === 'in_call' && (await agent.probe('phase')) === 'in_call', 'the call did not go on');
    await proveCall(citizen, agent, { seconds: 5, say: false });
  }),
}));

// N8: round trips of 300 and 800 ms, and a path that carries 1,280 octets at most: how long joining takes and what the call is like, beside a direct call.
import { beside, overServer, round, tell, watchBoth } from '../../tests/browser/lib/beside.mjs';
import { check, until } from '../../tests/browser/lib/steps.mjs';

const SECONDS = Number(process.env.FAR_SECONDS ?? 20);
const JOIN_SECONDS = { 300: 6, 800: 15 };

const far = [300, 800].map((round_trip_ms) => ({
  name: `a round trip of ${round_trip_ms} ms`,
  seconds: 2 * (SECONDS + 90),
  async run() {
    const line = { both: { delay_ms: round_trip_ms / 2 } };
    const joins = [];
    const figures = await beside({ seeds: 1, line }, async (call) => {
      if (call.citizen.probe) joins.push(await joined(call.citizen));
      return watchBoth(call, { settle: 8, seconds: SECONDS });
    });
    tell({ bench: 'far away', round_trip_ms, join_s: joins[0] }, figures);
    const failures = joins[0] > JOIN_SECONDS[round_trip_ms] ? [`${joins[0]} s from the click to the first picture`] : [];
    for (const side of ['citizen', 'agent']) {
      const [ours, theirs] = [figures.server[side], figures.direct[side]];
      if (ours.fps < theirs.fps * 0.9) failures.push(`${side}: ${ours.fps} fps, direct ${theirs.fps}`);
      if (ours.concealed_percent > theirs.concealed_percent * 1.1 + 0.5) failures.push(`${side}: ${ours.concealed_percent} % of the sound made up, direct ${theirs.concealed_percent} %`);
    }
    check(failures.length === 0, failures.join('; '));
  },
}));

/** From the click on "Answer" to the first frame of the other person, in seconds. */
async function joined(citizen) {
  const first = await until('the first picture', () => citizen.probe('firstFrameAt'), 20, 50);
  const clicks = await citizen.probe('clicks');
  return round((first - clicks.Answer) / 1000);
}

const narrow = {
  name: 'a path of 1,280 octets',
  seconds: SECONDS + 90,
  run: () => overServer({ line: { both: { delay_ms: 20, mtu: 1280 } } }, async (call) => {
    const { citizen, agent } = await watchBoth(call, { settle: 5, seconds: SECONDS });
    const { up, down } = await call.network.report();
    console.log(`     ${JSON.stringify({ bench: 'narrow path', longest_up: up.longest, longest_down: down.longest, too_long: up.too_long + down.too_long, citizen_fps: round(citizen.fps), agent_fps: round(agent.fps) })}`);
    check(up.too_long + down.too_long === 0 && Math.max(up.longest, down.longest) <= 1280, 'packets were too long');
    check(Math.min(citizen.fps, agent.fps) > 20, 'the picture stands');
  }),
};

export const cases = [...far, narrow];

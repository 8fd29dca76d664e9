// N1: packets get lost each way, at random and in bursts of four, at 80 ms round trip: how much of the sound is made up, how often the picture stands,
// beside a direct call over the same line.
import { beside, tell, watchBoth } from '../../tests/browser/lib/beside.mjs';
import { check } from '../../tests/browser/lib/steps.mjs';

const SEEDS = Number(process.env.LOSS_SEEDS ?? 1);
const SECONDS = Number(process.env.LOSS_SECONDS ?? 30);
/** Loss in per cent; how much of the sound may be made up, and freezes a minute, where it is random (trust.md N1). */
const ROWS = [
  { percent: 1, concealed: 0.5, freezes: 0 },
  { percent: 5, concealed: 2, freezes: 0 },
  { percent: 10, concealed: 4, freezes: 1 },
  { percent: 20, concealed: 10, freezes: 4 },
];

export const cases = ROWS.flatMap((row) => [1, 4].map((burst) => ({
  name: `${row.percent} % loss ${burst === 1 ? 'at random' : 'in bursts of four'} (${SEEDS} seeds)`,
  seconds: SEEDS * 2 * (SECONDS + 60),
  async run() {
    const way = { delay_ms: 40, loss: row.percent / 100, burst };
    const figures = await beside({ seeds: SEEDS }, async (call) => {
      call.network.shape({ both: way });
      return watchBoth(call, { settle: 8, seconds: SECONDS });
    });
    tell({ bench: 'loss', percent: row.percent, burst, seeds: SEEDS, seconds: SECONDS }, figures);
    const failures = [];
    for (const side of ['citizen', 'agent']) {
      const [ours, theirs] = [figures.server[side], figures.direct[side]];
      // In bursts no figure is promised but a direct call's.
      const sound = burst === 1 ? row.concealed : theirs.concealed_percent * 1.1;
      if (ours.concealed_percent > sound) failures.push(`${side}: ${ours.concealed_percent} % of the sound made up, direct ${theirs.concealed_percent} %`);
      const freezes = burst === 1 ? row.freezes : theirs.freezes_per_min * 1.1;
      if (ours.freezes_per_min > freezes) failures.push(`${side}: ${ours.freezes_per_min} freezes a minute, direct ${theirs.freezes_per_min}`);
    }
    check(failures.length === 0, failures.join('; '));
  },
})));

// N2: packets come up to 100 ms late, one in twenty is overtaken, one in fifty comes twice, none is lost: how often browsers ask for what is only late, and how
// much of the sound is made up, beside a direct call over the same line.
import { beside, tell, watchBoth } from '../../tests/browser/lib/beside.mjs';
import { check } from '../../tests/browser/lib/steps.mjs';

const SEEDS = Number(process.env.SHAKEN_SEEDS ?? 1);
const SECONDS = Number(process.env.SHAKEN_SECONDS ?? 30);
const WAY = { delay_ms: 20, jitter_ms: 100, reorder: 0.05, duplicate: 0.02 };
/** On a line that loses nothing each question is one too many; so many a minute are borne. */
const QUESTIONS = 60;

export const cases = [
  {
    name: `a line that shakes, reorders and doubles (${SEEDS} seeds)`,
    seconds: SEEDS * 2 * (SECONDS + 60),
    async run() {
      const figures = await beside({ seeds: SEEDS }, async (call) => {
        call.network.shape({ both: WAY });
        return watchBoth(call, { settle: 8, seconds: SECONDS });
      });
      tell({ bench: 'shaken line', seeds: SEEDS, seconds: SECONDS }, figures);
      const failures = [];
      for (const side of ['citizen', 'agent']) {
        const [ours, theirs] = [figures.server[side], figures.direct[side]];
        if (ours.concealed_percent > 2) failures.push(`${side}: ${ours.concealed_percent} % of the sound made up, direct ${theirs.concealed_percent} %`);
        if ((ours.nack * 60) / SECONDS > Math.max(QUESTIONS, ((theirs.nack * 60) / SECONDS) * 1.1)) failures.push(`${side}: ${ours.nack} questions, direct ${theirs.nack}`);
      }
      check(failures.length === 0, failures.join('; '));
    },
  },
];

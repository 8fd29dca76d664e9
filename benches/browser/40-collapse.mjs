// N3: the receiver's line falls from 2 Mbit/s to 150 kbit/s for half a minute and comes back. What the citizen hears and sees, what the agent's browser
// sends, and how long packets wait on the line; Chromium and Firefox in front of the citizen, beside a direct call over the same line.
import { LossyNetwork } from '../../tests/net/link.mjs';
import { closeAll } from '../../tests/browser/lib/browsers.mjs';
import { directCall } from '../../tests/browser/lib/direct.mjs';
import { letBrowsersMeet } from '../../tests/browser/lib/network.mjs';
import { meet } from '../../tests/browser/lib/people.mjs';
import { Server } from '../../tests/browser/lib/server.mjs';
import { check, quantile, sleep } from '../../tests/browser/lib/steps.mjs';

const SEEDS = Number(process.env.COLLAPSE_SEEDS ?? 1);
const LINE = (kbit) => ({ up: { delay_ms: 25, rate_kbit: 10_000 }, down: { delay_ms: 25, rate_kbit: kbit, queue_ms: 1000 } });
const BEFORE = 20;
const DURING = 30;
const AFTER = 20;

/** Counters of what arrives, once a second for so many seconds. */
async function watch(page, seconds, samples) {
  for (let n = 0; n < seconds; n += 1) {
    await sleep(1000);
    const all = await page.evaluate(() => window.visavisProbe.inbound());
    const sum = (kind, key) => all.filter((entry) => entry.kind === kind).reduce((total, entry) => total + (entry[key] ?? 0), 0);
    samples.push({ at: Date.now(), bytes: sum('video', 'bytes') + sum('audio', 'bytes'), frames: sum('video', 'framesDecoded'), sound: sum('audio', 'packets'), heard: sum('audio', 'samples'), concealed: sum('audio', 'concealed'),
      freezes: sum('video', 'freezeCount'), frozen_s: sum('video', 'totalFreezesDuration') });
  }
}

async function collapse(network, page) {
  const samples = [];
  network.shape(LINE(2000));
  await sleep(10_000);
  await watch(page, BEFORE, samples);
  network.shape(LINE(150));
  await watch(page, DURING, samples);
  network.shape(LINE(2000));
  await watch(page, AFTER, samples);
  const rate = (from, to) => ((samples[to].bytes - samples[from].bytes) * 8) / (samples[to].at - samples[from].at);
  const begin = BEFORE - 1;
  const end = BEFORE + DURING - 1;
  const before = rate(begin - 10, begin);
  const back = [...Array(AFTER - 2).keys()].find((n) => rate(end + n, end + n + 2) >= before * 0.7);
  const gap = samples.slice(1).reduce((longest, sample, n) => (sample.sound === samples[n].sound ? longest + 1 : longest), 0);
  const trace = samples.slice(1).map((sample, n) => `${Math.round(rate(n, n + 1))}/${sample.frames - samples[n].frames}`).join(' ');
  return {
    before_kbit: before, during_kbit: rate(begin + 5, end), back_s: back ?? AFTER,
    concealed_percent: (100 * (samples[end].concealed - samples[begin].concealed)) / Math.max(1, samples[end].heard - samples[begin].heard),
    silent_s: gap, fps_during: (samples[end].frames - samples[begin + 5].frames) / (DURING - 5),
    frozen_s: samples.at(-1).frozen_s - samples[begin].frozen_s, trace,
  };
}

async function overServer(seed, firefox) {
  const network = await LossyNetwork.make('sfu', seed);
  const server = await Server.start();
  try {
    const { citizen } = await meet(server, { citizen: { network, firefox } });
    return await collapse(network, citizen.page);
  } finally {
    await closeAll();
    network.remove();
    await server.stop();
  }
}

async function direct(seed, firefox) {
  const network = await LossyNetwork.make('p2p', seed);
  const server = await Server.start();
  try {
    const { citizen } = await directCall(server, network, { firefox });
    return await collapse(network, citizen.page);
  } finally {
    letBrowsersMeet(false);
    await closeAll();
    network.remove();
    await server.stop();
  }
}

const median = (runs, key) => quantile(runs.map((run) => run[key]), 0.5);

export const cases = [false, true].map((firefox) => ({
  name: `the line of the citizen (${firefox ? 'Firefox' : 'Chromium'}) falls to 150 kbit/s for ${DURING} s and comes back (${SEEDS} seeds)`,
  seconds: SEEDS * 2 * (BEFORE + DURING + AFTER + 60),
  async run() {
    const runs = { server: [], direct: [] };
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      runs.server.push(await overServer(seed, firefox));
      console.log(`     seed ${seed} server, kbit/s and frames each second: ${runs.server.at(-1).trace}`);
      if (!firefox) {
        runs.direct.push(await direct(seed, firefox));
        console.log(`     seed ${seed} direct, kbit/s and frames each second: ${runs.direct.at(-1).trace}`);
      }
    }
    const keys = ['before_kbit', 'during_kbit', 'back_s', 'concealed_percent', 'silent_s', 'fps_during', 'frozen_s'];
    const round = (value) => Math.round(value * 100) / 100;
    const figures = Object.fromEntries(keys.map((key) => [key, round(median(runs.server, key))]));
    for (const key of runs.direct.length > 0 ? keys : []) figures[`direct_${key}`] = round(median(runs.direct, key));
    console.log(`     ${JSON.stringify({ bench: 'collapse', receiver: firefox ? 'firefox' : 'chromium', seeds: SEEDS, ...figures })}`);
    const failures = [];
    if (figures.silent_s > 0) failures.push(`${figures.silent_s} s without sound`);
    if (figures.during_kbit > 150) failures.push(`${figures.during_kbit} kbit/s while the line carried 150`);
    if (!firefox && figures.concealed_percent > figures.direct_concealed_percent * 1.1 + 1) failures.push(`${figures.concealed_percent} % of the sound made up, direct ${figures.direct_concealed_percent} %`);
    check(failures.length === 0, failures.join('; '));
  },
}));

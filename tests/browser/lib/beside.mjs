// The same call twice over the same bad line in front of the citizen: over the server, and directly between the two browsers; what each side then sees and hears.
// Knows how to measure, not which lines are worth it.
import { LossyNetwork } from '../../net/link.mjs';
import { closeAll } from './browsers.mjs';
import { directCall } from './direct.mjs';
import { letBrowsersMeet } from './network.mjs';
import { meet } from './people.mjs';
import { Server } from './server.mjs';
import { quantile, sleep, until } from './steps.mjs';

/** What a call over the server comes to: `observe({network, citizen, agent})` decides. `line`: as link.py reads it, from before the call on. */
export async function overServer({ seed = 1, firefox = false, line }, observe) {
  const network = await LossyNetwork.make('sfu', seed);
  const server = await Server.start();
  try {
    if (line) network.shape(line);
    return await observe({ network, ...(await meet(server, { citizen: { network, firefox } })) });
  } finally {
    await closeAll();
    network.remove();
    await server.stop();
  }
}

/** The same between two Chromiums alone. */
export async function direct({ seed = 1, line }, observe) {
  const network = await LossyNetwork.make('p2p', seed);
  const server = await Server.start();
  try {
    if (line) network.shape(line);
    const call = await directCall(server, network);
    for (const { page } of [call.citizen, call.agent]) await until('a direct picture', async () => (await counters(page)).frames > 10);
    return await observe({ network, ...call });
  } finally {
    letBrowsersMeet(false);
    await closeAll();
    network.remove();
    await server.stop();
  }
}

/** What came in so far, all tracks together. */
export async function counters(page) {
  const all = await page.evaluate(() => window.visavisProbe.inbound());
  const sum = (kind, key) => all.filter((entry) => entry.kind === kind).reduce((total, entry) => total + (entry[key] ?? 0), 0);
  return { at: Date.now(), frames: sum('video', 'framesDecoded'), freezes: sum('video', 'freezeCount'), frozen_s: sum('video', 'totalFreezesDuration'), nack: sum('video', 'nack'),
    bytes: sum('video', 'bytes') + sum('audio', 'bytes'), packets: sum('video', 'packets') + sum('audio', 'packets'), lost: sum('video', 'lost') + sum('audio', 'lost'),
    sound: sum('audio', 'packets'), heard: sum('audio', 'samples'), concealed: sum('audio', 'concealed'), buffered: sum('audio', 'jitterBufferDelay'), emitted: sum('audio', 'emitted') };
}

/** What one side saw and heard between two readings. */
export function between(before, after) {
  const seconds = (after.at - before.at) / 1000;
  const grown = (key) => after[key] - before[key];
  return { fps: grown('frames') / seconds, freezes_per_min: (grown('freezes') * 60) / seconds, frozen_s: grown('frozen_s'), kbit: (grown('bytes') * 8) / seconds / 1000,
    concealed_percent: (100 * grown('concealed')) / Math.max(1, grown('heard')), nack: grown('nack'), sound_buffer_ms: (1000 * grown('buffered')) / Math.max(1, grown('emitted')) };
}

/** So many seconds to settle, so many of measuring; both sides. */
export async function watchBoth({ citizen, agent }, { settle, seconds }) {
  await sleep(settle * 1000);
  const before = [await counters(citizen.page), await counters(agent.page)];
  await sleep(seconds * 1000);
  const after = [await counters(citizen.page), await counters(agent.page)];
  return { citizen: between(before[0], after[0]), agent: between(before[1], after[1]) };
}

/** Both kinds of call for each seed; answers the median of each figure, `{server, direct}` by side. */
export async function beside({ seeds, ...options }, observe) {
  const runs = { server: [], direct: [] };
  for (let seed = 1; seed <= seeds; seed += 1) {
    runs.server.push(await overServer({ seed, ...options }, observe));
    runs.direct.push(await direct({ seed, ...options }, observe));
  }
  const medians = (kind, side) => Object.fromEntries(Object.keys(runs[kind][0][side]).map((key) => [key, round(quantile(runs[kind].map((run) => run[side][key]), 0.5))]));
  return Object.fromEntries(['server', 'direct'].map((kind) => [kind, Object.fromEntries(['citizen', 'agent'].map((side) => [side, medians(kind, side)]))]));
}

export const round = (value) => Math.round(value * 100) / 100;

/** One line of JSON for each side, the direct call's figures beside ours. */
export function tell(bench, figures) {
  for (const side of ['citizen', 'agent']) {
    const there = Object.fromEntries(Object.entries(figures.direct[side]).map(([key, value]) => [`direct_${key}`, value]));
    console.log(`     ${JSON.stringify({ ...bench, seen_by: side, ...figures.server[side], ...there })}`);
  }
}

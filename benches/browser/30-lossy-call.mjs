// A call with 5 % loss each way and 100 ms round trip in front of the citizen, beside a direct call of the same two browsers over the same line.
// Median of seeds; frame rate and freezes are compared for each direction.
import { LossyNetwork } from '../../tests/net/link.mjs';
import { closeAll } from '../../tests/browser/lib/browsers.mjs';
import { directCall } from '../../tests/browser/lib/direct.mjs';
import { letBrowsersMeet } from '../../tests/browser/lib/network.mjs';
import { meet } from '../../tests/browser/lib/people.mjs';
import { Server } from '../../tests/browser/lib/server.mjs';
import { check, quantile, sleep, until } from '../../tests/browser/lib/steps.mjs';

const SEEDS = Number(process.env.LOSSY_SEEDS ?? 5);
const SECONDS = Number(process.env.LOSSY_SECONDS ?? 30);
const LINE = { both: { delay_ms: 50, loss: 0.05 } };

/** The encoder whose frames the other side sees. */
const sent = async (page) => {
  const all = (await page.evaluate(() => window.visavisProbe.outbound().catch(() => []))).filter((entry) => entry.kind === 'video' && entry.framesEncoded > 0);
  return all[0] ?? {};
};

const video = async (page) => {
  const all = (await page.evaluate(() => window.visavisProbe.inbound())).filter((entry) => entry.kind === 'video' && entry.framesDecoded > 0);
  return all[0] ?? { framesDecoded: 0, freezeCount: 0, totalFreezesDuration: 0, bytes: 0 };
};

/** Ten seconds to settle on the bad line, then `SECONDS` of measuring at both ends. */
async function observe(citizen, agent) {
  await sleep(10_000);
  const before = [await video(citizen), await video(agent)];
  const sentBefore = [await sent(agent), await sent(citizen)];
  await sleep(SECONDS * 1000);
  const after = [await video(citizen), await video(agent)];
  const sentAfter = [await sent(agent), await sent(citizen)];
  return ['citizen', 'agent'].map((side, index) => ({
    side,
    fps: (after[index].framesDecoded - before[index].framesDecoded) / SECONDS,
    freezes: after[index].freezeCount - before[index].freezeCount,
    frozen_s: after[index].totalFreezesDuration - before[index].totalFreezesDuration,
    kbit: ((after[index].bytes - before[index].bytes) * 8) / SECONDS / 1000,
    width: after[index].width,
    held_ms: ((after[index].jitterBufferDelay - before[index].jitterBufferDelay) / (after[index].emitted - before[index].emitted)) * 1000,
    key_frames: after[index].keyFramesDecoded - before[index].keyFramesDecoded,
    asked_by_receiver: after[index].nack - before[index].nack,
    asked_of_sender: sentAfter[index].nack - sentBefore[index].nack,
    resent_by_sender: sentAfter[index].retransmitted - sentBefore[index].retransmitted,
    key_requests: sentAfter[index].pli - sentBefore[index].pli,
  }));
}

export async function overServer(seed) {
  const network = await LossyNetwork.make('sfu', seed);
  const server = await Server.start();
  try {
    const { citizen, agent } = await meet(server, { citizen: { network } });
    network.shape(LINE);
    return await observe(citizen.page, agent.page);
  } finally {
    await closeAll();
    network.remove();
    await server.stop();
  }
}

export async function direct(seed) {
  const network = await LossyNetwork.make('p2p', seed);
  const server = await Server.start();
  try {
    const { citizen, agent } = await directCall(server, network);
    for (const { page } of [citizen, agent]) await until('a direct picture', async () => (await video(page)).framesDecoded > 10);
    network.shape(LINE);
    return await observe(citizen.page, agent.page);
  } finally {
    letBrowsersMeet(false);
    await closeAll();
    network.remove();
    await server.stop();
  }
}

const median = (values) => quantile(values, 0.5);

export const cases = [
  {
    name: `5 % loss and 100 ms round trip, beside a direct call (${SEEDS} seeds)`,
    seconds: SEEDS * 2 * (SECONDS + 60),
    async run() {
      const runs = { server: [], direct: [] };
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        runs.server.push(await overServer(seed));
        runs.direct.push(await direct(seed));
        for (const kind of ['server', 'direct']) console.log(`     seed ${seed} ${kind}: ${runs[kind].at(-1).map((r) => `${r.side} ${r.fps.toFixed(1)} fps, ${r.freezes} freezes (${r.frozen_s.toFixed(1)} s), held ${r.held_ms.toFixed(0)} ms, ${r.kbit.toFixed(0)} kbit/s, ${r.key_frames} key frames of ${r.key_requests} asked, NACK ${r.asked_by_receiver}/${r.asked_of_sender}, resent ${r.resent_by_sender}`).join(' · ')}`);
      }
      const failures = [];
      for (const [index, side] of ['citizen', 'agent'].entries()) {
        const of = (kind, key) => median(runs[kind].map((run) => run[index][key]));
        const figures = { bench: 'lossy call', seen_by: side, seeds: SEEDS, seconds: SECONDS, fps: of('server', 'fps'), direct_fps: of('direct', 'fps'), freezes: of('server', 'freezes'), direct_freezes: of('direct', 'freezes'),
          frozen_s: of('server', 'frozen_s'), direct_frozen_s: of('direct', 'frozen_s'), kbit: Math.round(of('server', 'kbit')), direct_kbit: Math.round(of('direct', 'kbit')) };
        console.log(`     ${JSON.stringify(figures)}`);
        if (figures.fps < figures.direct_fps * 0.9) failures.push(`${side}: ${figures.fps.toFixed(1)} fps, direct ${figures.direct_fps.toFixed(1)}`);
        if (figures.freezes > figures.direct_freezes * 1.1) failures.push(`${side}: ${figures.freezes} freezes, direct ${figures.direct_freezes}`);
      }
      check(failures.length === 0, failures.join('; '));
    },
  },
];

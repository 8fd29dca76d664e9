// L3: how high a sound comes through the whole way, encoder, server and decoder, at the rate that sound has in every call: a tone that climbs, heard at the other end.
// Chromium alone: headless Firefox runs no AudioContext, and its fake microphone keeps to one tone.
import { closeAll } from '../../tests/browser/lib/browsers.mjs';
import { meet } from '../../tests/browser/lib/people.mjs';
import { Server } from '../../tests/browser/lib/server.mjs';
import { check, sleep } from '../../tests/browser/lib/steps.mjs';

const HERTZ = [1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000, 11_000, 12_000, 14_000, 16_000, 18_000];
const STEP_MS = 400;
/** As loud as the lowest tone, and no more than this less. */
const LOSS_DB = 10;

export const cases = [{
  name: 'a tone that climbs',
  seconds: 120,
  async run() {
    const server = await Server.start();
    try {
      const { citizen, agent } = await meet(server, { citizen: { sweep: { hertz: HERTZ, stepMs: STEP_MS } } });
      await sleep(2000);
      const sent = async () => (await citizen.probe('outbound')).find((entry) => entry.kind === 'audio' && entry.packets > 0);
      const [before, at] = [await sent(), Date.now()];
      const heard = await agent.page.evaluate(async (hertz, seconds) => {
        const video = [...document.querySelectorAll('video')].find((one) => one.srcObject?.getAudioTracks().length && !one.muted);
        return window.visavisProbe.spectrum(video, hertz, seconds);
      }, HERTZ, (2 * HERTZ.length * STEP_MS) / 1000);
      const kbit = ((await sent()).bytes - before.bytes) * 8 / (Date.now() - at);
      const beside = heard.map((db) => Math.round((db - heard[0]) * 10) / 10);
      const highest = HERTZ.findLast((_, n) => beside.slice(0, n + 1).every((db) => db >= -LOSS_DB));
      console.log(`     ${JSON.stringify({ bench: 'sweep', browser: 'Chromium', sound_kbit: Math.round(kbit), highest_hertz_within_10_db: highest, db: Object.fromEntries(HERTZ.map((hertz, n) => [hertz, beside[n]])) })}`);
      check(heard[0] > -60, `the lowest tone is not heard: ${heard}`);
      check(highest >= 7000, `${highest} Hz`);
      if (highest < 12_000) console.log('     (aim: 12 kHz)');
    } finally {
      await closeAll();
      await server.stop();
    }
  },
}];

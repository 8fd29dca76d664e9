// A call of two browsers without a server between them: what ours is measured beside. The server only gives them a page to stand on.
import { AGENT, CITIZEN, launch } from './browsers.mjs';
import { letBrowsersMeet } from './network.mjs';
import { limited } from './steps.mjs';

/** The citizen's browser stands in `network`; both send what the product asks for. To be ended with `letBrowsersMeet(false)`. */
export async function directCall(server, network, options = {}) {
  letBrowsersMeet(true);
  const flags = ['--disable-features=WebRtcHideLocalIpsWithMdns'];
  const citizen = await launch(CITIZEN, { network, flags, spki: server.spki, ...options });
  const agent = await launch(AGENT, { flags, spki: server.spki });
  for (const { page } of [citizen, agent]) {
    await page.goto(`${server.demo.base_url.replace(/\/$/, '')}/livez`);
    await page.evaluate(async () => {
      const mine = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } } });
      const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
      window.direct = pc;
      const seen = document.createElement('video');
      seen.autoplay = true;
      document.body.append(seen);
      pc.ontrack = (event) => { seen.srcObject = event.streams[0]; };
      mine.getTracks().forEach((track) => { track.contentHint = track.kind === 'video' ? 'motion' : 'speech'; });
      for (const track of mine.getTracks()) pc.addTrack(track, mine); // not addTransceiver: the answerer's would not be matched to the offer
    });
  }
  const gathered = (page, description) => page.evaluate(async (remote) => {
    const pc = window.direct;
    if (remote) await pc.setRemoteDescription(remote);
    if (remote?.type === 'answer') return null;
    await pc.setLocalDescription();
    if (pc.iceGatheringState !== 'complete') await new Promise((resolve) => pc.addEventListener('icegatheringstatechange', () => pc.iceGatheringState === 'complete' && resolve()));
    return { type: pc.localDescription.type, sdp: pc.localDescription.sdp };
  }, description);
  const offer = await limited(gathered(citizen.page, null), 15_000);
  const answer = await limited(gathered(agent.page, offer), 15_000);
  await limited(gathered(citizen.page, answer), 15_000);
  for (const { page } of [citizen, agent]) {
    await page.evaluate(async () => {
      for (const sender of window.direct.getSenders()) {
        const parameters = sender.getParameters();
        parameters.encodings[0].maxBitrate = sender.track.kind === 'video' ? 1_800_000 : 48_000; // as the product asks for
        await sender.setParameters(parameters);
      }
    });
  }
  return { citizen, agent };
}

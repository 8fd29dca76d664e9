// The instruments themselves, on a peer connection from a page to itself: a case below that fails is then the product's fault.
import { createServer } from 'node:http';
import { AGENT, CITIZEN, launch } from '../lib/browsers.mjs';
import { SERVER_ADDRESS } from '../lib/network.mjs';
import { check, sleep } from '../lib/steps.mjs';

const PORT = 7001;

async function loop(browser) {
  const page = browser.page;
  await page.evaluate(async () => {
    const mine = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } } });
    const [a, b] = [new RTCPeerConnection(), new RTCPeerConnection()];
    a.onicecandidate = (event) => event.candidate && b.addIceCandidate(event.candidate);
    b.onicecandidate = (event) => event.candidate && a.addIceCandidate(event.candidate);
    const remote = new MediaStream();
    b.ontrack = (event) => remote.addTrack(event.track);
    for (const track of mine.getTracks()) a.addTrack(track, mine);
    await a.setLocalDescription();
    await b.setRemoteDescription(a.localDescription);
    await b.setLocalDescription();
    await a.setRemoteDescription(b.localDescription);
    const video = document.createElement('video');
    video.autoplay = true;
    video.srcObject = remote;
    document.body.append(video);
    window.testVideo = video;
    await new Promise((resolve) => setTimeout(resolve, 3000));
    window.visavisProbe.watch(video);
  });
  await sleep(6000);
  return page.evaluate(() => window.visavisProbe.report(window.testVideo));
}

/** Serves an empty page that both browsers are told to treat as secure, and measures on it. */
async function measure(browser) {
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html><title>instruments</title>'));
  await new Promise((resolve) => server.listen(PORT, SERVER_ADDRESS, resolve));
  try {
    await browser.page.goto(`http://${SERVER_ADDRESS}:${PORT}/`);
    const seen = await loop(browser);
    console.log(`     ${seen.fps.toFixed(1)} fps, tone ${seen.tone ?? '-'} Hz, energy ${seen.audioEnergy.toFixed(3)}`);
    return seen;
  } finally {
    server.close();
  }
}

export const cases = [
  {
    name: 'instruments read picture, tone and frame rate in Chromium',
    async run() {
      const seen = await measure(await launch(CITIZEN, { flags: [`--unsafely-treat-insecure-origin-as-secure=http://${SERVER_ADDRESS}:${PORT}`] }));
      check(seen.sources[CITIZEN.source] > 10 && Object.keys(seen.sources).length === 1, `bar code: ${JSON.stringify(seen)}`);
      check(seen.fps >= 20, `frame rate: ${JSON.stringify(seen)}`);
      check(Math.abs(seen.tone - CITIZEN.hertz) <= 50, `tone: ${JSON.stringify(seen)}`);
    },
  },
  {
    name: 'instruments read picture, sound and frame rate in Firefox',
    async run() {
      const seen = await measure(await launch(AGENT, { firefox: true, prefs: { 'dom.securecontext.allowlist': SERVER_ADDRESS } }));
      check(seen.sources[AGENT.source] > 10 && Object.keys(seen.sources).length === 1, `bar code: ${JSON.stringify(seen)}`);
      check(seen.fps >= 20, `frame rate: ${JSON.stringify(seen)}`);
      check(seen.audioEnergy > 0.001, `sound: ${JSON.stringify(seen)}`);
    },
  },
];

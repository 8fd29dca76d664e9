// From the answer set in the browser to the transport connected, over a line with 50 ms round trip, without loss and with 8 % each way.
// The browser's own peer connection against the real server, by the protocol of docs/protocol.md; one transport after another.
import { LossyNetwork } from '../../tests/net/link.mjs';
import { CITIZEN, launch } from '../../tests/browser/lib/browsers.mjs';
import { Server } from '../../tests/browser/lib/server.mjs';
import { check, limited, quantile, until } from '../../tests/browser/lib/steps.mjs';

const ROUNDS = Number(process.env.JOIN_ROUNDS ?? 100);
const LIMIT_MS = 15_000;

/** Runs in the page: says hello, arrives, and keeps the line for `visavisJoin()`. */
async function prepare() {
  const socket = new WebSocket(`wss://${location.host}/signaling/citizen`, 'visavis.v1');
  const answers = new Map();
  let id = 0;
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.re) answers.get(message.re)?.(message);
  };
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = () => reject(new Error('no WebSocket')); });
  const request = (body) => new Promise((resolve) => {
    id += 1;
    answers.set(id, resolve);
    socket.send(JSON.stringify({ ...body, id }));
  });
  setInterval(() => request({ type: 'ping' }), 5000);
  const welcome = await request({ type: 'hello', version: 1, device: btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16)))).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '') });
  if (welcome.type !== 'welcome') throw new Error(JSON.stringify(welcome));
  const arrived = await request({ type: 'arrive' });
  if (arrived.type !== 'ok') throw new Error(JSON.stringify(arrived));
  let transport = 0;
  window.visavisJoin = async (limitMs) => {
    transport += 1;
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    for (const kind of ['audio', 'video', 'video']) pc.addTransceiver(kind, { direction: 'sendonly', sendEncodings: [{ active: false }] });
    for (let other = 0; other < 3; other += 1) for (const kind of ['audio', 'video']) pc.addTransceiver(kind, { direction: 'recvonly' });
    pc.addTransceiver('video', { direction: 'recvonly' });
    pc.createDataChannel('chat');
    await pc.setLocalDescription();
    const answer = await request({ type: 'offer', transport, sdp: pc.localDescription.sdp });
    if (answer.type !== 'answer') throw new Error(JSON.stringify(answer));
    const began = performance.now();
    const connected = new Promise((resolve) => {
      pc.onconnectionstatechange = () => pc.connectionState === 'connected' && resolve(performance.now() - began);
      setTimeout(() => resolve(null), limitMs);
    });
    await pc.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
    const took = await connected;
    pc.close();
    return took;
  };
}

async function joins(after, { firefox, loss, rounds }) {
  const network = await LossyNetwork.make('join', 7);
  after(() => network.remove());
  const server = await Server.start();
  after(() => server.stop());
  const browser = await launch(CITIZEN, { firefox, network, spki: server.spki, noProbe: true });
  const { join_url: url } = await server.appointment();
  await browser.page.goto(url);
  await until('the cookie', () => browser.page.evaluate(() => !location.hash));
  await until('the link', () => browser.page.evaluate(async () => (await fetch('/api/v1/link')).status === 200));
  await browser.page.goto(`${server.demo.base_url.replace(/\/$/, '')}/livez`);
  await limited(browser.page.evaluate(prepare), 20_000, 'arrival');
  network.shape({ both: { delay_ms: 25, loss } });
  const times = [];
  for (let round = 0; round < rounds; round += 1) times.push(await limited(browser.page.evaluate((ms) => window.visavisJoin(ms), LIMIT_MS), LIMIT_MS + 10_000, 'join'));
  const connected = times.filter((ms) => ms !== null);
  const figures = { bench: 'joins', browser: firefox ? 'Firefox' : 'Chromium', rtt_ms: 50, loss_each_way: loss, connected: connected.length, of: rounds,
    p50_ms: Math.round(quantile(connected, 0.5)), p95_ms: Math.round(quantile(connected, 0.95)), max_ms: Math.round(Math.max(...connected)) };
  console.log(`     ${JSON.stringify(figures)}`);
  return figures;
}

export const cases = [false, true].flatMap((firefox) => [
  {
    name: `joins over 50 ms without loss, ${firefox ? 'Firefox' : 'Chromium'}`,
    seconds: 90 + ROUNDS * 2,
    async run({ after }) {
      const figures = await joins(after, { firefox, loss: 0, rounds: Math.min(ROUNDS, 30) });
      check(figures.connected === figures.of && figures.p50_ms <= 180, `p50 ${figures.p50_ms} ms (≤ 180), ${figures.connected} of ${figures.of}`);
    },
  },
  {
    name: `joins over 50 ms and 8 % loss each way, ${firefox ? 'Firefox' : 'Chromium'}`,
    seconds: 120 + ROUNDS * 8,
    async run({ after }) {
      const figures = await joins(after, { firefox, loss: 0.08, rounds: ROUNDS });
      check(figures.connected === figures.of && figures.p95_ms <= 600, `p95 ${figures.p95_ms} ms (≤ 600), ${figures.connected} of ${figures.of}`);
    },
  },
]);

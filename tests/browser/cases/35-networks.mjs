// Networks that let little through: UDP blocked from the start or in mid-call, a narrow TCP line; and that UDP is preferred where it works.
import { LossyNetwork } from '../../net/link.mjs';
import { SERVER_NAME } from '../lib/network.mjs';
import { Agent, Citizen, meet, proveCall } from '../lib/people.mjs';
import { Server } from '../lib/server.mjs';
import { check, sleep, until } from '../lib/steps.mjs';

async function start(after, options) {
  const server = await Server.start(options);
  after((outcome) => {
    if (outcome === 'failed') console.log(`     server log: ${server.log().split('\n').slice(-12).join('\n       ')}`);
    return server.stop();
  });
  return server;
}

async function line(after, name) {
  const network = await LossyNetwork.make(name, 1);
  after(() => network.remove());
  return network;
}

const browserName = (firefox) => (firefox ? 'Firefox' : 'Chromium');

/** A call of a citizen on this network; answers how long after the clicks the transport was up and the first picture there. */
async function callFrom(server, network, firefox) {
  const agent = await Agent.signIn(server);
  const citizen = await Citizen.open(server, { firefox, network });
  await citizen.arrive();
  const connected = await until('transport of the citizen', () => citizen.probe('connectedAt'), 15, 50).catch(async (error) => {
    throw new Error(`${error.message}\n     ${JSON.stringify((await citizen.probe('stats')).filter((s) => /candidate/.test(s.type)))}\n     ${(await citizen.probe('descriptions')).map(({ remote }) => remote).join().match(/a=candidate.*/g)}`);
  });
  const joined = (await citizen.probe('clicks'))['Join the call'];
  await agent.call(citizen.name);
  await citizen.answer();
  const first = await until('first picture at the citizen', () => citizen.probe('firstFrameAt'), 15, 50);
  const answered = (await citizen.probe('clicks')).Answer;
  return { citizen, agent, connectedMs: connected - joined, pictureMs: first - answered };
}

async function carriers(people) {
  return Promise.all(people.map((person) => until('a selected pair', () => person.probe('carrier'), 5)));
}

export const cases = [
  ...[false, true].map((firefox) => ({
    name: `UDP is blocked: media by TCP on the web port in 3 s after the click (${browserName(firefox)})`,
    async run({ after }) {
      const server = await start(after);
      const network = await line(after, 'noudp');
      network.block('udp');
      network.shape({ both: { delay_ms: 20 } });
      const { citizen, agent, connectedMs, pictureMs } = await callFrom(server, network, firefox);
      console.log(`     ${JSON.stringify({ bench: 'UDP blocked, 40 ms round trip', browser: browserName(firefox), join_to_connected_ms: Math.round(connectedMs), answer_to_picture_ms: Math.round(pictureMs) })}`);
      check((await carriers([citizen])).join() === 'tcp', `carried by ${await carriers([citizen])}`);
      await proveCall(citizen, agent, { seconds: 10 });
      check(connectedMs < 3000 && pictureMs < 3000, `${connectedMs} and ${pictureMs} ms`);
    },
  })),
  ...[false, true].map((firefox) => ({
    name: `UDP is open: it carries the media though TCP is offered beside it (${browserName(firefox)})`,
    async run({ after }) {
      const server = await start(after);
      const network = await line(after, 'open');
      network.shape({ both: { delay_ms: 25 } });
      const { citizen, agent } = await callFrom(server, network, firefox);
      const offered = (await citizen.probe('descriptions')).map(({ remote }) => remote).join();
      check(/a=candidate:\d+ 1 tcp .* tcptype passive/.test(offered), 'no TCP candidate in the answer');
      await proveCall(citizen, agent, { seconds: 5 });
      check((await carriers([citizen])).join() === 'udp', `carried by ${await carriers([citizen])}`);
      // Both ways: what the server sends must come by UDP too.
      const before = await network.report();
      await sleep(3000);
      const now = await network.report();
      for (const way of ['up', 'down']) check(now[way].udp - before[way].udp > 0.95 * (now[way].passed - before[way].passed) - 60, `${way}: ${JSON.stringify(before[way])} then ${JSON.stringify(now[way])}`);
    },
  })),
  ...[false, true].map((firefox) => ({
    name: `UDP is blocked in mid-call: media comes back by TCP (${browserName(firefox)})`,
    async run({ after }) {
      const server = await start(after);
      const network = await line(after, 'later');
      const { citizen, agent } = await meet(server, { citizen: { firefox, network } });
      await proveCall(citizen, agent, { seconds: 5 });
      const pages = await citizen.probe('document');
      const at = Date.now();
      network.block('udp');
      const times = [];
      for (const person of [citizen, agent]) times.push(await until(`${person.constructor.name} has media again`, () => person.frameAfterGap(at), 25, 50).catch(async (error) => {
        throw new Error(`${error.message} ${JSON.stringify(await person.probe('states'))} ${await person.screen()}`);
      }));
      console.log(`     ${JSON.stringify({ bench: 'UDP blocked in mid-call', browser: browserName(firefox), citizen_ms: Math.round(times[0]), agent_ms: Math.round(times[1]) })}`);
      await proveCall(citizen, agent, { seconds: 5 });
      check((await carriers([citizen])).join() === 'tcp', `carried by ${await carriers([citizen])}`);
      check((await citizen.probe('document')) === pages, 'the page was loaded again');
      check(Math.max(...times) < 10_000, `back after ${times} ms`);
    },
  })),
  ...[false, true].map((firefox) => ({
    name: `nothing but TLS passes: media by the relay on the web port in 5 s after the click (${browserName(firefox)})`,
    async run({ after }) {
      // Firefox relays to a name only. Chromium by name took 14 s here, where no name server answers; why is not proven, so it is given the address.
      const server = await start(after, firefox ? { host: SERVER_NAME } : {});
      const network = await line(after, 'tls');
      network.block('all but TLS');
      network.shape({ both: { delay_ms: 20 } });
      const { citizen, agent, connectedMs, pictureMs } = await callFrom(server, network, firefox);
      console.log(`     ${JSON.stringify({ bench: 'only TLS passes, 40 ms round trip', browser: browserName(firefox), join_to_connected_ms: Math.round(connectedMs), answer_to_picture_ms: Math.round(pictureMs) })}`);
      check((await carriers([citizen])).join().startsWith('relay'), `carried by ${await carriers([citizen])}`);
      await proveCall(citizen, agent, { seconds: 10 });
      check(connectedMs < 5000 && pictureMs < 5000, `${connectedMs} and ${pictureMs} ms`);
    },
  })),
  ...[false, true].map((firefox) => ({
    name: `neither UDP nor TCP nor the relay passes: the citizen is told so in plain words, and it heals when the network lets media through (${browserName(firefox)})`,
    async run({ after }) {
      const server = await start(after, { settings: { 'media.tcp': 'false', 'media.relay': 'false' } });
      const network = await line(after, 'nopath');
      network.block('udp');
      const citizen = await Citizen.open(server, { firefox, network });
      await citizen.arrive();
      const said = /lets this page through, but neither sound nor picture/;
      const from = Date.now();
      await until('the word on the network', async () => said.test(await citizen.page.evaluate(() => document.querySelector('main').innerText)), 20, 100);
      console.log(`     ${JSON.stringify({ bench: 'no path for media', browser: browserName(firefox), told_after_ms: Date.now() - from })}`);
      network.block('');
      await until('the transport of the citizen', () => citizen.probe('connectedAt'), 40, 100);
      await until('the word is taken back', async () => !said.test(await citizen.page.evaluate(() => document.querySelector('main').innerText)), 5, 100);
      const agent = await Agent.signIn(server);
      await agent.call(citizen.name);
      await citizen.answer();
      await proveCall(citizen, agent, { seconds: 5 });
    },
  })),
  ...['udp'].map((blocked) => ({
    name: `a line of 250 kbit/s where a firewall drops ${blocked}: pictures give way, sound goes on without a hole`,
    async run({ after }) {
      const server = await start(after);
      const network = await line(after, 'narrow');
      network.block(blocked);
      const { citizen, agent } = await meet(server, { citizen: { network } });
      await proveCall(citizen, agent, { seconds: 5 });
      const sound = async () => (await citizen.probe('inbound')).find((entry) => entry.kind === 'audio' && entry.packets > 0);
      network.shape({ both: { delay_ms: 20, rate_kbit: 2000, queue_ms: 300 }, down: { delay_ms: 20, rate_kbit: 250, queue_ms: 300 } });
      await sleep(3000);
      const before = await sound();
      await sleep(20_000);
      const now = await sound();
      const samples = now.samples - before.samples;
      const concealed = (now.concealed - before.concealed) / samples;
      const packets = now.packets - before.packets;
      const delayMs = (1000 * (now.jitterBufferDelay - before.jitterBufferDelay)) / (now.emitted - before.emitted);
      console.log(`     ${JSON.stringify({ bench: 'line of 250 kbit/s, 20 s', blocked, sound_packets: packets, concealed_percent: +(100 * concealed).toFixed(2), jitter_buffer_ms: Math.round(delayMs) })}`);
      check(packets > 900, `${packets} packets of sound in 20 s`);
      check(concealed < 0.05, `${concealed} of the sound was made up`);
      network.shape({ both: { delay_ms: 20 } });
      await sleep(6000);
      await proveCall(citizen, agent, { seconds: 5 });
    },
  })),
];

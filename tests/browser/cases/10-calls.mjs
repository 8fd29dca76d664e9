// A call of 20 seconds with the right picture and sound in both directions, for each kind of browser that people bring.
import { Agent, Citizen, meet, proveCall } from '../lib/people.mjs';
import { Server } from '../lib/server.mjs';
import { check, until } from '../lib/steps.mjs';

async function call(after, options, proof) {
  const server = await Server.start();
  after((outcome) => {
    if (outcome === 'failed') console.log(`     server log: ${server.log().split('\n').slice(-12).join('\n       ')}`);
    return server.stop();
  });
  const { citizen, agent } = await meet(server, options);
  await proveCall(citizen, agent, proof);
  return { server, citizen, agent };
}

export const cases = [
  {
    name: 'Chromium citizen and Chromium agent see and hear each other',
    run: ({ after }) => call(after),
  },
  {
    name: 'Firefox citizen and Chromium agent see and hear each other',
    run: ({ after }) => call(after, { citizen: { firefox: true } }),
  },
  {
    name: 'Chromium phone and Firefox agent see and hear each other',
    run: ({ after }) => call(after, { citizen: { phone: true }, agent: { firefox: true } }),
  },
  {
    name: 'a citizen whose browser has H264 alone and a Chromium agent see and hear each other',
    async run({ after }) {
      const { citizen } = await call(after, { citizen: { h264Only: true } });
      const codecs = await citizen.evaluate(async () => (await window.visavisProbe.stats()).filter((s) => s.type === 'codec' && /video/.test(s.mimeType)).map((s) => s.mimeType));
      check(codecs.includes('video/H264') && !codecs.includes('video/VP8'), `codecs in use: ${codecs}`);
    },
  },
  {
    name: 'a citizen without a camera sees and is heard',
    run: ({ after }) => call(after, { citizen: { flags: ['--use-fake-device-for-media-stream=device-count=0'], noCamera: true } }, { camera: false }),
  },
  {
    name: 'permission is denied, then granted, and the call goes well',
    async run({ after }) {
      const server = await Server.start();
      after(() => server.stop());
      const agent = await Agent.signIn(server);
      const citizen = await Citizen.open(server, { askPermission: true });
      const cdp = await citizen.page.createCDPSession();
      const origin = new URL(server.demo.base_url).origin;
      const allow = async (setting) => {
        for (const name of ['camera', 'microphone']) await cdp.send('Browser.setPermission', { origin, permission: { name }, setting });
      };
      await allow('denied');
      await citizen.press('Join the waiting room');
      await until('a refused request', async () => (await citizen.probe('cameraErrors')).includes('NotAllowedError'));
      await citizen.sees(/permission|allow|blocked/i);
      await allow('granted');
      if (await citizen.has('button', 'Try again')) await citizen.press('Try again');
      await until('a granted request', async () => (await citizen.probe('cameraRequests')) > (await citizen.probe('cameraErrors')).length, 10);
      await citizen.press('Join the call');
      await agent.call(citizen.name);
      await citizen.answer();
      await proveCall(citizen, agent);
    },
  },
];

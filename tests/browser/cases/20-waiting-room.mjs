// The life of a consultation on screen: ring, decline, no answer, put back, hang up, second device, close.
import { Agent, Citizen, meet, proveCall } from '../lib/people.mjs';
import { Server } from '../lib/server.mjs';
import { check, sleep, until } from '../lib/steps.mjs';

/** Frames stop; answers how many ms after `since` the last one was shown. */
async function mediaEnded(person, since) {
  await sleep(1500);
  return (await person.probe('lastFrameAt')) - since;
}

export const cases = [
  {
    name: 'the citizen cancels before the time: asked once more, then the link says so and the desk forgets it',
    async run({ after }) {
      const server = await Server.forCase(after);
      const agent = await Agent.signIn(server);
      const citizen = await Citizen.open(server, { appointment: { name: 'Carla Cancels', startsInMinutes: 120 } });
      await agent.row('Carla Cancels');
      await citizen.press('Cancel the appointment');
      await citizen.press('Keep the appointment');
      await citizen.press('Cancel the appointment');
      await citizen.press('Yes, cancel');
      await citizen.sees(/Your appointment is cancelled/);
      await citizen.page.reload();
      await citizen.sees(/Your appointment is cancelled/);
      await until('the row is gone', async () => !(await agent.text()).includes('Carla Cancels'));
    },
  },
  {
    name: 'the citizen declines, does not answer in 30 s, then answers: nobody is admitted without the green button',
    seconds: 150,
    async run({ after }) {
      const server = await Server.forCase(after);
      const agent = await Agent.signIn(server);
      const citizen = await Citizen.open(server);
      await citizen.arrive();
      await citizen.phase('waiting');
      const before = await citizen.probe('outbound');
      check(before.every((entry) => (entry.packets ?? 0) === 0), `sent while waiting: ${JSON.stringify(before)}`);
      await agent.call(citizen.name);
      await citizen.phase('ringing');
      await citizen.press('Decline');
      await citizen.phase('waiting');
      await until('the agent is told', async () => (await agent.probe('states')).some((state) => state.phase === 'declined'));
      await agent.call(citizen.name);
      await citizen.phase('ringing');
      const rang = Date.now();
      await citizen.phase('waiting', 40);
      const rung = Date.now() - rang;
      check(rung > 28_000 && rung < 33_000, `rang for ${rung} ms`);
      await until('the agent is told', async () => (await agent.probe('states')).some((state) => state.phase === 'unanswered'));
      check((await citizen.probe('firstFrameAt')) === 0 && (await agent.probe('firstFrameAt')) === 0, 'a picture before admission');
      await agent.call(citizen.name);
      await citizen.answer();
      await proveCall(citizen, agent, { seconds: 5 });
    },
  },
  {
    name: 'put back ends the media at once and the citizen waits again; the next call works',
    async run({ after }) {
      const server = await Server.forCase(after);
      const { citizen, agent } = await meet(server);
      await proveCall(citizen, agent, { seconds: 5 });
      await agent.press('Put back');
      await agent.phase('put_back');
      const told = (await agent.probe('states')).at(-1).at;
      await citizen.phase('waiting');
      for (const person of [citizen, agent]) {
        const late = await mediaEnded(person, told);
        check(late < 300, `${person.constructor.name}: a frame ${late} ms after the put back`);
      }
      await agent.call(citizen.name);
      await citizen.answer();
      await proveCall(citizen, agent, { seconds: 5 });
    },
  },
  {
    name: 'the agent hangs up: the citizen stays in the call screen, is told so, and the agent comes back',
    async run({ after }) {
      const server = await Server.forCase(after);
      const { citizen, agent } = await meet(server);
      await agent.press('Hang up');
      await agent.phase('left');
      await citizen.sees(/(has left|hung up|left the call)/i);
      await citizen.phase('in_call');
      await agent.inRow(citizen.name, 'Return');
      await agent.phase('in_call');
      await proveCall(citizen, agent, { seconds: 5 });
    },
  },
  {
    name: 'the citizen hangs up, returns by the button, reloads the page, and is in the same seat each time',
    async run({ after }) {
      const server = await Server.forCase(after);
      const { citizen, agent } = await meet(server);
      await citizen.press('Hang up');
      await citizen.phase('left');
      await citizen.press('Return to the call');
      await citizen.phase('in_call');
      await proveCall(citizen, agent, { seconds: 5 });
      await citizen.page.reload();
      // The link is open again; the seat is kept, so the same two buttons lead back into the call.
      await until('a way back', async () => {
        for (const name of ['Return to the call', 'Join the waiting room', 'Join the call']) if (await citizen.has('button', name)) await citizen.press(name, 1);
        return (await citizen.probe('phase')) === 'in_call' && (await citizen.has('button', 'Hang up'));
      }, 20, 500);
      await proveCall(citizen, agent, { seconds: 5 });
    },
  },
  {
    name: 'a second device is offered to take over, visibly, and the first one is told',
    async run({ after }) {
      const server = await Server.forCase(after);
      const { citizen, agent } = await meet(server);
      await proveCall(citizen, agent, { seconds: 3 });
      const second = await Citizen.open(server, { url: citizen.url });
      second.name = citizen.name;
      await second.phase('elsewhere');
      check((await citizen.probe('phase')) === 'in_call', 'the first device lost its seat without a click');
      await second.press('Take over here');
      await citizen.phase('elsewhere');
      await until('a way into the call', async () => {
        for (const name of ['Join the waiting room', 'Join the call']) if (await second.has('button', name)) await second.press(name, 1);
        return (await second.probe('phase')) === 'in_call' && (await second.has('button', 'Hang up'));
      }, 20, 500);
      await proveCall(second, agent, { seconds: 5 });
    },
  },
  {
    name: 'mute and camera off are seen by the other side, and close ends the consultation for both',
    async run({ after }) {
      const server = await Server.forCase(after);
      const { citizen, agent } = await meet(server);
      await citizen.press('Mute');
      await citizen.one('button', 'Unmute');
      await citizen.press('Turn camera off');
      await citizen.one('button', 'Turn camera on');
      await sleep(1500);
      const before = await agent.probe('inbound');
      await sleep(1500);
      const after1 = await agent.probe('inbound');
      const frames = (list) => list.filter((entry) => entry.kind === 'video').reduce((sum, entry) => sum + (entry.framesDecoded ?? 0), 0);
      check(frames(after1) - frames(before) <= 3, `frames with the camera off: ${frames(after1) - frames(before)}`);
      await citizen.press('Unmute');
      await citizen.press('Turn camera on');
      await proveCall(citizen, agent, { seconds: 5 });
      await agent.press('Close consultation');
      await agent.press('Close now');
      await citizen.phase('closed');
      await agent.phase('closed');
      check(!(await citizen.has('button', 'Return to the call')), 'a closed consultation offers a return');
    },
  },
];

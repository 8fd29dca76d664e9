// A third person: invited in the call, agreed to, at the door, let in.
import { Guest, meet, proveTogether } from '../lib/people.mjs';
import { Server } from '../lib/server.mjs';
import { check, sleep, until } from '../lib/steps.mjs';

export const cases = [
  {
    name: 'an interpreter is invited, agreed to and let in; everybody sees and hears everybody; it survives kill -9; put back and remove end it',
    seconds: 180,
    async run({ after }) {
      const server = await Server.forCase(after);
      const { citizen, agent } = await meet(server);
      const url = await agent.invite('Inga Interpreter');
      check(/\/j#[A-Za-z0-9_-]{43}$/.test(url), 'not a link');
      const guest = await Guest.open(server, url, 'Inga Interpreter', 0);
      await guest.knock();
      await guest.phase('waiting');
      check((await guest.probe('outbound')).every((entry) => (entry.packets ?? 0) === 0), 'something left the guest at the door');
      check(!(await agent.has('button', 'Let Inga Interpreter in')), 'the agent could let in whom the citizen was not asked about');
      await citizen.press('Agree');
      await agent.press('Let Inga Interpreter in');
      await guest.phase('in_call');
      await citizen.sees(/Inga Interpreter \(Interpreter\)/);
      await proveTogether([citizen, agent, guest], { seconds: 6 });
      await server.kill();
      await server.restart();
      for (const person of [citizen, agent, guest]) {
        await until('media after the restart', async () => (await person.probe('connectedAt')) > 0 && (await person.phase('in_call')), 20);
      }
      await sleep(4000);
      await proveTogether([citizen, agent, guest], { seconds: 5 });
      await agent.press('Put Inga Interpreter back to the door');
      await guest.phase('waiting');
      const last = await guest.probe('lastFrameAt');
      await sleep(1500);
      check((await guest.probe('lastFrameAt')) - last < 300, 'the guest saw frames at the door');
      await agent.press('Let Inga Interpreter in');
      await guest.phase('in_call');
      await agent.press('Remove Inga Interpreter');
      await guest.phase('left');
      await agent.press('Take back the invitation of Inga Interpreter');
      await guest.sees(/This invitation is over/);
    },
  },
];

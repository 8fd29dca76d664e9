// A third and a fourth person: invited in the call, agreed to, at the door, let in; and what each line carries of four pictures.
import { LossyNetwork } from '../../net/link.mjs';
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
  {
    name: 'four people, one behind 400 kbit/s: that one gets small pictures and sound, the others keep their best',
    seconds: 240,
    async run({ after }) {
      const server = await Server.forCase(after);
      const network = await LossyNetwork.make('narrow', 1);
      after(() => network.remove());
      const { citizen, agent } = await meet(server);
      const guests = [];
      for (const [number, name] of ['Inga Interpreter', 'Rita Weber'].entries()) {
        const url = await agent.invite(name);
        const narrow = number === 1;
        if (narrow) network.shape({ up: { delay_ms: 25, rate_kbit: 2_000 }, down: { delay_ms: 25, rate_kbit: 400, queue_ms: 500 } });
        const guest = await Guest.open(server, url, name, number, narrow ? { network } : {});
        await guest.knock();
        await citizen.press('Agree');
        await agent.press(`Let ${name} in`);
        await guest.phase('in_call');
        guests.push(guest);
      }
      await sleep(12_000);
      const views = await proveTogether([citizen, agent, ...guests], { seconds: 15, fps: 5 });
      const sizes = async (person) => (await person.probe('inbound')).filter((entry) => entry.kind === 'video' && entry.framesDecoded > 0).map((entry) => entry.width);
      const narrow = guests[1];
      console.log(`     ${JSON.stringify({ bench: 'four people, one behind 400 kbit/s', narrow_widths: await sizes(narrow), citizen_widths: await sizes(citizen),
        narrow_fps: views.filter(({ at }) => at === narrow).map(({ seen }) => Math.round(seen.fps)), others_fps: views.filter(({ at }) => at !== narrow).map(({ seen }) => Math.round(seen.fps)),
        narrow_gap_ms: Math.round(Math.max(...views.filter(({ at }) => at === narrow).map(({ seen }) => seen.longestGapMs))) })}`);
      for (const { at, seen } of views) if (at === narrow) check(seen.fps >= 10, `${seen.fps} fps behind the narrow line`);
      check(Math.max(...(await sizes(narrow))) <= 320, `the narrow line gets ${await sizes(narrow)} px`);
      check(Math.max(...(await sizes(citizen))) >= 640, `the citizen gets ${await sizes(citizen)} px`);
      // The line becomes good: larger pictures come, and the old ones go on until then.
      const watches = [];
      for (const from of [citizen, agent, guests[0]]) watches.push(await narrow.watch(from.name));
      network.shape({ up: { delay_ms: 25, rate_kbit: 5_000 }, down: { delay_ms: 25, rate_kbit: 5_000, queue_ms: 500 } });
      await until('larger pictures behind the line that became good', async () => Math.max(...(await sizes(narrow))) >= 640, 45, 500);
      await sleep(3_000);
      const gaps = [];
      for (const watch of watches) gaps.push(Math.round((await narrow.report(watch)).longestGapMs));
      console.log(`     ${JSON.stringify({ bench: 'the line behind which small pictures came becomes good', widths: await sizes(narrow), longest_gaps_ms: gaps })}`);
      check(Math.max(...gaps) <= 200, `a gap of ${Math.max(...gaps)} ms while encodings changed`);
    },
  },
];

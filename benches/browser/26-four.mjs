// Four people, one of them on a narrow line: everybody gets what their own line carries, and nobody pays for another's.
import { LossyNetwork } from '../../tests/net/link.mjs';
import { SMALL_FILM } from '../../tests/browser/lib/media.mjs';
import { Guest, meet, proveTogether } from '../../tests/browser/lib/people.mjs';
import { Server } from '../../tests/browser/lib/server.mjs';
import { check, sleep, until } from '../../tests/browser/lib/steps.mjs';

const WIDE = { both: { delay_ms: 20, rate_kbit: 10_000 } };
const NARROW = { up: { delay_ms: 20, rate_kbit: 10_000 }, down: { delay_ms: 20, rate_kbit: 400, queue_ms: 500 } };
/** Frames come each 67 ms; a switch may cost no more than this. */
const SWITCH_MS = 200 + 67;

/** Widths of the pictures that come to somebody, the largest first. */
async function widths(person) {
  return (await person.probe('inbound')).filter((entry) => entry.kind === 'video' && entry.width > 0).map((entry) => entry.width).sort((a, b) => b - a);
}

const all = (person, holds) => async () => {
  const found = await widths(person);
  return found.length === 3 && found.every(holds) && found;
};

/** Until every picture of `person` is as wanted; how long it took, and the longest gap in one of them meanwhile. */
async function switched(person, others, what, holds, seconds) {
  const watches = [];
  for (const other of others) watches.push(await person.watch(other.name));
  const begin = Date.now();
  await until(what, all(person, holds), seconds).catch(async (error) => { throw new Error(`${error.message}: ${JSON.stringify(await person.probe('inbound'))}`); });
  const took = (Date.now() - begin) / 1000;
  await sleep(1500);
  const gaps = [];
  for (const watch of watches) gaps.push((await person.report(watch)).longestGapMs);
  return { took, gap: Math.max(...gaps) };
}

export const cases = [
  {
    name: 'four people, one of them on 400 kbit/s: that one gets small pictures of all, the others lose nothing, and it comes back with the line',
    seconds: 360,
    async run({ after }) {
      const server = await Server.forCase(after);
      const network = await LossyNetwork.make('narrow');
      after(() => network.remove());
      network.shape(WIDE);
      const film = SMALL_FILM;
      const { citizen, agent } = await meet(server, { citizen: { film }, agent: { film } });
      const guests = [];
      for (const [number, name, options] of [[0, 'Inga Interpreter', { film }], [1, 'Nora Narrow', { film, network }]]) {
        const url = await agent.invite(name);
        const guest = await Guest.open(server, url, name, number, options);
        await guest.knock();
        await citizen.press('Agree');
        await agent.press(`Let ${name} in`);
        await guest.phase('in_call');
        guests.push(guest);
      }
      const [interpreter, narrow] = guests;
      const wide = [citizen, agent, interpreter];
      for (const person of [...wide, narrow]) await until(`the large pictures at ${person.name}`, all(person, (width) => width >= 400), 60).catch(async (error) => {
        throw new Error(`${error.message}: ${JSON.stringify(await person.probe('inbound'))}\n     out ${JSON.stringify(await agent.probe('outbound'))}`);
      });
      await proveTogether([...wide, narrow], { seconds: 5 });

      network.shape(NARROW);
      const down = await switched(narrow, wide, 'the small pictures on the narrow line', (width) => width < 400, 20);
      await sleep(6000);
      const before = await narrow.probe('inbound');
      const views = await proveTogether([...wide, narrow], { seconds: 8 });
      const after8 = await narrow.probe('inbound');
      const sum = (entries, key) => entries.filter((entry) => entry.kind === 'audio').reduce((total, entry) => total + (entry[key] ?? 0), 0);
      const concealed = (100 * (sum(after8, 'concealed') - sum(before, 'concealed'))) / (sum(after8, 'samples') - sum(before, 'samples'));
      for (const person of wide) check((await widths(person)).every((width) => width >= 400), `${person.name} pays for the narrow line: ${await widths(person)}`);
      check((await widths(narrow)).every((width) => width < 400), `the narrow line gets ${await widths(narrow)}`);
      check(concealed < 3, `${concealed.toFixed(1)} % of the sound on the narrow line is made up`);
      const worst = Math.max(...views.filter((view) => view.at !== narrow).map((view) => view.seen.longestGapMs));

      network.shape(WIDE);
      const up = await switched(narrow, wide, 'the large pictures again', (width) => width >= 400, 40);
      console.log(`     down in ${down.took.toFixed(1)} s, longest gap ${down.gap.toFixed(0)} ms; up in ${up.took.toFixed(1)} s, longest gap ${up.gap.toFixed(0)} ms; ${concealed.toFixed(2)} % concealed; the others' longest gap ${worst.toFixed(0)} ms`);
      check(up.gap <= SWITCH_MS, `the switch up costs ${up.gap} ms`);
    },
  },
];

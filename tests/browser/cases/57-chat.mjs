// Chat and real-time text between two browsers: each message once, whatever breaks; each letter in time, in four scripts; nothing of it is ever interpreted.
import { LossyNetwork } from '../../net/link.mjs';
import { meet } from '../lib/people.mjs';
import { Server } from '../lib/server.mjs';
import { check, quantile, sleep, until } from '../lib/steps.mjs';
import { bothTexts, chat, delays, keystrokes, reads, spokenLines, type, watchText, write } from '../lib/talk.mjs';

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 1);
/** Beside other work a time says little: the figures of L1 themselves are judged in the long run alone. */
const SLACK = process.env.KEYSTROKES ? 1 : 5;
const KEYS = Number(process.env.KEYSTROKES ?? 1_000);

async function distant(after, name) {
  const network = await LossyNetwork.make(name, 1);
  after(() => network.remove());
  network.shape({ both: { delay_ms: 50 } });
  return network;
}

/** Five hundred texts that run where a text is taken for a page. */
function attacks() {
  const tags = ['img', 'svg', 'iframe', 'object', 'embed', 'video', 'audio', 'body', 'input', 'details', 'math', 'style', 'link', 'base', 'form', 'marquee', 'script', 'template', 'a', 'button'];
  const events = ['onerror', 'onload', 'onclick', 'onfocus', 'ontoggle', 'onmouseover', 'onanimationstart', 'onbegin'];
  const run = 'window.attacked=1';
  const all = [];
  for (const tag of tags) {
    for (const event of events) {
      all.push(`<${tag} ${event}="${run}" src=x autofocus open>`, `"><${tag}/${event}=${run} href="javascript:${run}">`, `'-->${tag}<${tag} ${event}=&#119;indow.attacked=1>`);
    }
  }
  all.push(...['javascript:window.attacked=1', 'data:text/html,<script>window.attacked=1</script>', '{{constructor.constructor("window.attacked=1")()}}', '${window.attacked=1}', '<!--<img src="--><img src=x onerror=window.attacked=1//">',
    '</textarea><script>window.attacked=1</script>', '<<script>window.attacked=1//<</script>', '&lt;script&gt;window.attacked=1&lt;/script&gt;', 'https://example.lu/"onclick="window.attacked=1', 'https://example.lu/<img src=x onerror=window.attacked=1>',
    'http://javascript:window.attacked=1@x', '\u202ehttps://example.lu/', '[x](javascript:window.attacked=1)', '%3Cscript%3Ewindow.attacked=1%3C/script%3E', '<svg><animate onbegin=window.attacked=1 attributeName=x dur=1s>',
    '<math><mtext></form><form><mglyph><style></math><img src onerror=window.attacked=1>', '<noscript><p title="</noscript><img src=x onerror=window.attacked=1>">', '__proto__', '<x style="behavior:url(#default#time2)">', 'https://[::1]:99999/']);
  return all.slice(0, 500);
}

export const cases = [
  ...[false, true].map((firefox) => ({
    name: `chat: sent, delivered, seen, who writes, locked before the call, over a reload, and on the link's page afterwards, in ${firefox ? 'Firefox' : 'Chromium'}`,
    async run({ after }) {
      const server = await Server.forCase(after);
      const { citizen, agent } = await meet(server, { citizen: { firefox } });
      await write(citizen, 'Gudde Moien 👩🏽‍⚕️');
      await reads(agent, ['Gudde Moien 👩🏽‍⚕️']);
      await until('it is seen', async () => (await chat(citizen)).state === 'Seen');
      const box = await agent.one('textbox', 'Message');
      await box.type('What is');
      await citizen.sees(/is writing…/);
      check(await agent.evaluate(() => document.activeElement.tagName === 'TEXTAREA'), 'the focus is elsewhere');
      await write(citizen, 'second');
      await reads(agent, ['Gudde Moien 👩🏽‍⚕️', 'second']);
      check(await agent.evaluate(() => document.activeElement.tagName === 'TEXTAREA' && document.activeElement.value === 'What is'), 'what arrived took the focus or the draft');
      // What is said while the page goes is said once.
      await write(citizen, 'just before the reload');
      await citizen.page.reload();
      await reads(citizen, ['Gudde Moien 👩🏽‍⚕️', 'second', 'just before the reload']);
      await reads(agent, ['Gudde Moien 👩🏽‍⚕️', 'second', 'just before the reload']);
      await write(agent, 'see https://example.lu/a?b=1 please');
      await citizen.sees(/https:\/\/example\.lu\/a\?b=1/);
      check(await citizen.evaluate(() => document.querySelectorAll('[role=log] a').length === 0), 'a link without a question');
      await citizen.evaluate(() => document.querySelector('.said-link').click());
      await citizen.sees(/leads to example\.lu/);
      check((await citizen.evaluate(() => document.querySelector('dialog a').rel)) === 'noopener noreferrer', 'the other page would know this one');
      await citizen.evaluate(() => [...document.querySelectorAll('dialog button')].find((found) => found.textContent.trim() === 'Cancel').click());
      await agent.press('Close consultation');
      await agent.page.evaluate(() => [...document.querySelectorAll('dialog button')][0].click());
      await citizen.phase('closed');
      await citizen.sees(/just before the reload/);
    },
  })),
  ...[false, true].map((firefox) => ({
    name: `real-time text: ${KEYS} keystrokes in four scripts both ways, 100 ms round trip, citizen in ${firefox ? 'Firefox' : 'Chromium'}`,
    seconds: 60 + KEYS / 20,
    async run({ after }) {
      const server = await Server.forCase(after);
      const network = await distant(after, `visavis-t${firefox ? 1 : 0}`);
      const { citizen, agent } = await meet(server, { citizen: { firefox, network } });
      await watchText(agent, citizen.name);
      await watchText(citizen, agent.name);
      const [mine, theirs] = [keystrokes(KEYS, 11), keystrokes(KEYS, 23)];
      // Two people at once, each faster than any typist.
      await Promise.all([type(citizen, mine, 25), type(agent, theirs, 25)]);
      for (const [from, to] of [[citizen, agent], [agent, citizen]]) {
        await until('both texts are equal', async () => { const { own, other } = await bothTexts(from, to, from.name); return JSON.stringify(own) === JSON.stringify(other); }, 15).catch(async (error) => {
          const { own, other } = await bothTexts(from, to, from.name);
          throw new Error(`${error.message} ${JSON.stringify([own.now, other.now, own.lines.slice(-3), other.lines.slice(-3)])}`);
        });
        const [typed, shown] = [await from.evaluate(() => window.talkTyped), await to.evaluate(() => window.talkShown)];
        const { times, missing } = delays(typed.keys, shown);
        const figures = { bench: 'real-time text', from: `${from.constructor.name} in ${from.firefox ? 'Firefox' : 'Chromium'}`, keys: typed.keys.length, send_p50_ms: quantile(typed.waits, 0.5), send_p95_ms: quantile(typed.waits, 0.95), visible_p50_ms: quantile(times, 0.5), visible_p95_ms: quantile(times, 0.95), missing };
        console.log(`     ${JSON.stringify(figures, (_, value) => (typeof value === 'number' ? Math.round(value) : value))}`);
        check(figures.send_p95_ms <= 100 * SLACK, 'sent too late (L1)');
        check(figures.visible_p95_ms <= 300 * SLACK, 'seen too late (L1)');
        check(missing < typed.keys.length / 100, `${missing} keys were never matched on the other screen`);
      }
      const spoken = await spokenLines(agent, `Real-time text of ${citizen.name}`);
      const { other } = await bothTexts(citizen, agent, citizen.name);
      const lines = [...other.lines, ...(other.now === '' ? [] : [other.now])];
      check(JSON.stringify(spoken.filter((line) => line.trim() !== '')) === JSON.stringify(lines.filter((line) => line.trim() !== '')), `the tree has ${spoken.length} texts for ${lines.length} lines`);
      const live = await agent.evaluate((label) => { const log = document.querySelector(`[role=log][aria-label="${label}"]`); return [log.getAttribute('aria-live'), log.querySelector('.live-now').getAttribute('aria-live')]; }, `Real-time text of ${citizen.name}`);
      check(live[0] === null && live[1] === 'off', 'a growing line would be announced letter by letter');
    },
  })),
  {
    name: 'real-time text survives cut lines: the WebSocket, the network, a reload of the other page',
    seconds: 120,
    async run({ after }) {
      const server = await Server.forCase(after);
      const network = await distant(after, 'visavis-t2');
      const { citizen, agent } = await meet(server, { citizen: { network } });
      await watchText(agent, citizen.name);
      const typing = type(citizen, keystrokes(1500, 5), 12);
      await sleep(4000);
      network.shape({ both: { delay_ms: 50, loss: 1 } });
      await sleep(4000);
      network.shape({ both: { delay_ms: 50, loss: 0.02 } });
      await sleep(3000);
      network.shape({ both: { delay_ms: 50 } });
      await typing;
      const equal = () => until('both texts are equal', async () => { const { own, other } = await bothTexts(citizen, agent, citizen.name); return JSON.stringify(own) === JSON.stringify(other); }, 20).catch(async (error) => { throw new Error(`${error.message} ${JSON.stringify(await bothTexts(citizen, agent, citizen.name))}`); });
      await equal();
      check(!JSON.stringify(await bothTexts(citizen, agent, citizen.name)).includes('\ufffd'), 'something was lost');
      await agent.page.reload();
      await agent.one('log', `Real-time text of ${citizen.name}`);
      await until('what was typed is there again', async () => { const { own, other } = await bothTexts(citizen, agent, citizen.name); return own.now === other.now && own.lines.at(-1) === other.lines.at(-1); }, 20);
    },
  },
  {
    name: `the server is killed while both write, ${ROUNDS} times: every message is there once, in one order, on both sides`,
    seconds: 90 + ROUNDS * 15,
    async run({ after }) {
      const server = await Server.forCase(after);
      const { citizen, agent } = await meet(server);
      let count = 0;
      for (let round = 1; round <= ROUNDS; round += 1) {
        const writing = (async () => { for (let n = 0; n < 6; n += 1) { count += 1; await write(n % 2 ? citizen : agent, `message ${count}`); await sleep(30 + Math.random() * 60); } })();
        await sleep(Math.random() * 700);
        await server.kill('SIGKILL');
        await writing;
        await sleep(200);
        await server.restart();
        const wanted = Array.from({ length: count }, (_, n) => `message ${n + 1}`).sort();
        for (const person of [citizen, agent]) {
          await until(`all ${count} messages, each once`, async () => { const { texts, unsent } = await chat(person); return unsent === 0 && JSON.stringify([...texts].sort()) === JSON.stringify(wanted); }, 25).catch(async (error) => {
            throw new Error(`round ${round}: ${error.message}\n     ${JSON.stringify(await chat(person))} ${await person.screen()}`);
          });
        }
        const [one, other] = [await chat(citizen), await chat(agent)];
        check(JSON.stringify(one.texts) === JSON.stringify(other.texts), `another order: ${JSON.stringify(one.texts)} ${JSON.stringify(other.texts)}`);
      }
      console.log(`     ${JSON.stringify({ bench: 'kill -9 in the chat', rounds: ROUNDS, messages: count, lost: 0, doubled: 0 })}`);
    },
  },
  {
    name: '500 texts that attack a page are letters in the chat, in real-time text and in a name, under Trusted Types',
    seconds: 180,
    async run({ after }) {
      const server = await Server.forCase(after);
      const { citizen, agent } = await meet(server, { citizen: { appointment: { name: '<img src=x onerror=window.attacked=1>' } } });
      for (const person of [citizen, agent]) await person.evaluate(() => { window.reports = []; document.addEventListener('securitypolicyviolation', (event) => window.reports.push(`${event.violatedDirective} ${event.blockedURI}`)); });
      check(await agent.evaluate(() => { try { document.createElement('div').innerHTML = '<b>'; return false; } catch { return true; } }), 'Trusted Types are not enforced');
      await agent.evaluate(() => { window.reports.length = 0; });
      const all = attacks();
      check(all.length === 500, `${all.length} texts`);
      const messages = [];
      for (let at = 0; at < all.length; at += 20) messages.push(all.slice(at, at + 20).join('\n'));
      for (const message of messages) await write(citizen, message);
      await reads(agent, messages, 60);
      await reads(citizen, messages, 60);
      await watchText(agent, citizen.name);
      await type(citizen, all.slice(0, 60).flatMap((text) => [...text, 'enter']), 1);
      await until('the texts are equal', async () => { const { own, other } = await bothTexts(citizen, agent, citizen.name); return own.lines.length === 60 && JSON.stringify(own) === JSON.stringify(other); }, 30);
      for (const person of [citizen, agent]) {
        const { attacked, reports, links } = await person.evaluate(() => ({ attacked: window.attacked, reports: window.reports, links: [...document.querySelectorAll('.talk a, .talk img, .talk iframe, .talk script')].length }));
        check(attacked === undefined && reports.length === 0 && links === 0, `${attacked} ${reports} ${links}`);
      }
    },
  },
];

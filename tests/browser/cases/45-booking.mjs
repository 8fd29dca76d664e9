// A citizen books by themselves: the whole way, with what goes wrong on it, up to the link's page.
import { violations } from '../lib/accessibility.mjs';
import { choose, confirm, dayNames, folder, hand, pngCard, screenOf, step, times, toReview as review } from '../lib/booking.mjs';
import { CITIZEN, launch } from '../lib/browsers.mjs';
import { press, tabTo } from '../lib/keyboard.mjs';
import { Agent, Citizen } from '../lib/people.mjs';
import { Server } from '../lib/server.mjs';
import { check, until } from '../lib/steps.mjs';

async function open(after, options = {}) {
  const server = await Server.forCase(after);
  const citizen = new Citizen(await launch(CITIZEN, { spki: server.spki, noProbe: true, ...options }), CITIZEN);
  await citizen.open(server.demo.booking_url);
  citizen.card = folder(after)('card.png', pngCard());
  return { server, citizen };
}

const toReview = (citizen, email) => review(citizen, { email, card: citizen.card });

/** What a hurried person leaves out is said, and leads to its field. */
async function fault(citizen, link, field) {
  await until(`"${link}" is said and has the focus`, () => citizen.evaluate((wanted) => document.activeElement?.matches('.faults') && document.activeElement.textContent.includes(wanted), link), 5, 50)
    .catch(async (error) => { throw new Error(`${error.message} ${await citizen.evaluate(() => document.activeElement.outerHTML.slice(0, 200))} ${await citizen.screen()}`); });
  await tabTo(citizen, link);
  await citizen.page.keyboard.press('Enter');
  await until(`focus on ${field}`, () => citizen.evaluate((id) => document.activeElement?.id === id, field), 5, 50);
}

/** The whole way with Tab, Enter and Space alone. */
async function byKeyboard(after, options) {
  const { server, citizen } = await open(after, options);
  const { keyboard } = citizen.page;
  if (options.width) await citizen.page.setViewport({ width: options.width, height: 640 });
  await step(citizen, 'consent', { focused: false });
  await press(citizen, 'Continue without authentication');
  await fault(citizen, 'Please tick the box', 'consent');
  await keyboard.press('Space');
  await press(citizen, 'Continue without authentication');
  await step(citizen, 'topic');
  check(/Not by video[\s\S]*Cheques[\s\S]*counters/.test(await citizen.text()), 'nobody is told where to go with a cheque');
  await tabTo(citizen, 'Long-term care insurance');
  await keyboard.press('Space');
  await citizen.sees(/Please have ready[\s\S]*social security card/);
  await press(citizen, 'Next');
  await step(citizen, 'time');
  // Another day than today: the link is then before its time whatever the hour of this test.
  const [today] = await dayNames(citizen);
  await tabTo(citizen, today);
  await keyboard.press('ArrowDown');
  const [time] = await times(citizen);
  await tabTo(citizen, time);
  await keyboard.press('Space');
  await citizen.sees(/You have chosen/);
  await press(citizen, 'Next');
  await step(citizen, 'details');
  await press(citizen, 'Next');
  await fault(citizen, 'Please enter your name', 'name');
  await keyboard.type('Clara D’Árbó <script>alert(1)</script>');
  await tabTo(citizen, 'E-mail');
  await keyboard.type('clara@example.lu');
  await tabTo(citizen, 'Note');
  await keyboard.type('It is about my mother.');
  await citizen.sees(/978 characters left/);
  await press(citizen, 'Next');
  await step(citizen, 'identity');
  await press(citizen, 'Next');
  await fault(citizen, 'Please choose a copy of your identity card', 'identity-copy');
  // What opens the browser's own dialog is a field that the keyboard reaches; the dialog is the browser's.
  await hand(citizen, 'Copy of your identity card', citizen.card);
  await citizen.sees(/card\.png/);
  await press(citizen, 'Next');
  await step(citizen, 'documents');
  await press(citizen, 'Next');
  await step(citizen, 'review');
  check(/Clara D’Árbó <script>/.test(await citizen.text()), `not the name as it was typed: ${await citizen.screen()}`);
  await press(citizen, 'Confirm the appointment');
  await step(citizen, 'confirmed');
  const text = await citizen.text();
  check(/[2-9A-Z]{3}-[2-9A-Z]{3}/.test(text) && text.includes(time), `no reference or time: ${text.slice(0, 400)}`);
  check(await citizen.page.$('svg[aria-label="QR code of your link"]'), 'no QR code');
  check(!(await citizen.evaluate(() => Object.values(localStorage).join())), 'something is kept beyond this tab');
  await tabTo(citizen, 'Open my appointment');
  await keyboard.press('Enter');
  await citizen.sees(/You are early/, 30);
  check((await citizen.text()).includes(time), 'another time on the page of the link');
  const refused = citizen.browser.console.filter((line) => /Content Security Policy|pageerror/.test(line));
  check(refused.length === 0, refused.join('\n'));
  return server;
}

export const cases = [
  { name: 'a citizen books by keyboard alone and the link opens the page before the time (Chromium)', seconds: 180, run: ({ after }) => byKeyboard(after, {}) },
  { name: 'a citizen books by keyboard alone on a phone of 320 px (Chromium)', seconds: 180, run: ({ after }) => byKeyboard(after, { phone: true, width: 320 }) },
  {
    // By pointer: Firefox without a screen takes its window for one behind others, where Enter presses no button.
    name: 'a citizen books and the link opens the page before the time (Firefox)',
    async run({ after }) {
      const { citizen } = await open(after, { firefox: true });
      await toReview(citizen);
      const [time] = /\d\d:\d\d/.exec(await citizen.text());
      const link = await confirm(citizen);
      check((await citizen.text()).includes(time), 'another time than was chosen');
      await citizen.open(link);
      await citizen.sees(/You are early/, 30);
      check((await citizen.text()).includes(time), 'another time on the page of the link');
    },
  },
  {
    name: 'a draft survives a reload, back goes one step back, and what is booked is not booked again',
    async run({ after }) {
      const { citizen } = await open(after);
      await toReview(citizen);
      await citizen.page.reload();
      await step(citizen, 'review', { focused: false });
      check((await citizen.text()).includes('clara@example.lu'), 'the draft is lost');
      for (const earlier of ['documents', 'identity', 'details', 'time', 'topic', 'consent']) {
        await citizen.page.goBack({ waitUntil: [] }).catch(() => {});
        await step(citizen, earlier, { axe: false });
      }
      await citizen.page.goForward({ waitUntil: [] }).catch(() => {});
      await step(citizen, 'topic', { axe: false });
      await choose(citizen, 'Information');
      await citizen.press('Next');
      await step(citizen, 'review', { axe: false });
      check((await citizen.text()).includes('Information'), 'the change is lost');
      const link = await confirm(citizen);
      await citizen.page.goBack({ waitUntil: [] }).catch(() => {});
      await step(citizen, 'confirmed', { focused: false, axe: false });
      await citizen.page.reload();
      await step(citizen, 'confirmed', { focused: false, axe: false });
      check((await (await citizen.field('Your link')).evaluate((input) => input.value)) === link, 'the link is lost by a reload');
      await citizen.press('Book another appointment');
      await step(citizen, 'consent', { axe: false });
      check(!(await citizen.evaluate(() => Object.values(sessionStorage).join())).includes('clara@example.lu'), 'the address is still there');
    },
  },
  {
    name: 'who comes too late for a time is offered the next ones and loses nothing',
    async run({ after }) {
      const { server, citizen } = await open(after);
      await toReview(citizen);
      const start = await citizen.evaluate(() => JSON.parse(sessionStorage.getItem('visavis.booking')).slot.start);
      const inMinutes = (Date.parse(start) - Date.now()) / 60_000;
      for (const name of ['Jos', 'Ines', 'Pit']) await server.appointment({ name, startsInMinutes: inMinutes });
      await citizen.press('Confirm the appointment');
      await step(citizen, 'time', { focused: false });
      await citizen.sees(/just taken[\s\S]*Free instead/);
      await (await citizen.page.$('.instead button')).click();
      await step(citizen, 'review');
      check(/Clara Citizen[\s\S]*clara@example.lu/.test(await citizen.text()), 'what was typed is lost');
      await confirm(citizen);
      await citizen.press('Book another appointment');
      await toReview(citizen);
      await citizen.press('Confirm the appointment');
      await citizen.sees(/With this e-mail address there is an appointment on that day already/);
      check(await citizen.evaluate(() => document.activeElement.matches('.refusal') && document.activeElement.getBoundingClientRect().top >= 0), 'the refusal is out of view');
    },
  },
  {
    name: 'the citizen moves the appointment under the same link, and is called back',
    async run({ after }) {
      const { server, citizen } = await open(after);
      await toReview(citizen);
      const link = await confirm(citizen);
      await citizen.open(link);
      await citizen.sees(/You are early/, 30);
      const before = await citizen.evaluate(() => document.querySelector('.facts dd').textContent);
      await citizen.press('Choose another time');
      await until('times', () => citizen.page.$('.times input'));
      await choose(citizen, (await times(citizen)).at(-1));
      const button = await until('the button that moves', () => citizen.page.$('form.step button[type=submit]'));
      await button.click();
      await citizen.sees(/Your appointment is moved/);
      const moved = await citizen.evaluate(() => document.querySelector('.facts dd').textContent);
      check(moved !== before, `still ${before}`);
      await citizen.open('about:blank');
      await citizen.open(link);
      await until('the new time under the same link', async () => (await citizen.evaluate(() => document.querySelector('.facts dd')?.textContent)) === moved);

      await citizen.press('Call me back');
      await until('times to be called', () => citizen.page.$('.call-day input'));
      check((await violations(citizen.page)).length === 0, (await violations(citizen.page)).join('\n'));
      await citizen.press('Ask for the call');
      await citizen.sees(/Something is still missing/);
      await choose(citizen, 'I have a question');
      await citizen.page.$eval('.call-day input', (input) => input.click());
      await citizen.fill('Phone', '+352 621 123 456');
      await choose(citizen, 'I agree');
      await citizen.press('Ask for the call');
      await citizen.sees(/We will call you/);

      const agent = await Agent.signIn(server);
      await agent.sees(/Call back[\s\S]*Clara Citizen[\s\S]*\+352 621 123 456[\s\S]*I have a question/);
      await agent.press('Done: Clara Citizen');
      await agent.one('button', 'Not done after all: Clara Citizen');
      check((await violations(agent.page)).length === 0, (await violations(agent.page)).join('\n'));
    },
  },
];

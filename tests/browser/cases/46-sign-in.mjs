// A citizen signs in at a real identity provider: books with authentication, finds the appointment again, cancels it; the desk sees the level. And the staff signs in there.
import { violations } from '../lib/accessibility.mjs';
import { AGENT, CITIZEN, launch } from '../lib/browsers.mjs';
import { Agent, Citizen } from '../lib/people.mjs';
import { withProvider } from '../lib/provider.mjs';
import { Server } from '../lib/server.mjs';
import { check, until } from '../lib/steps.mjs';

const screenOf = (citizen) => citizen.evaluate(() => document.querySelector('main')?.dataset.screen);

async function screen(citizen, name, { axe = !citizen.firefox } = {}) {
  await until(`screen ${name}`, async () => (await screenOf(citizen)) === name).catch(async (error) => { throw new Error(`${error.message} ${await citizen.screen()}`); });
  if (name === 'book_time') await until('times', () => citizen.page.$('.times input'));
  const wide = await citizen.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  check(wide <= 0, `${name}: ${wide} px too wide`);
  if (axe) {
    const found = await violations(citizen.page);
    check(found.length === 0, `${name}: ${found.join('\n     ')}`);
  }
}

async function choose(citizen, text) {
  const handle = await citizen.page.evaluateHandle((wanted) => [...document.querySelectorAll('label.choice')].find((label) => label.textContent.includes(wanted))?.querySelector('input') ?? null, text);
  check(handle.asElement(), `no choice "${text}": ${await citizen.screen()}`);
  await handle.asElement().click();
}

/** On the provider's own page. */
async function atProvider(citizen, button) {
  const handle = await until('the page of the provider', async () => {
    const found = await citizen.page.evaluateHandle((wanted) => [...document.querySelectorAll('button')].find((one) => one.textContent === wanted) ?? null, button).catch(() => undefined);
    return found?.asElement() ?? false;
  });
  await handle.click();
}

/** By role and name; in Firefox, whose tree of roles stops answering once the page came back from elsewhere, by the name that stands in the page. */
async function press(citizen, name) {
  if (!citizen.firefox) return citizen.press(name);
  const button = await until(`button "${name}"`, async () => {
    const found = await citizen.page.evaluateHandle((wanted) => [...document.querySelectorAll('button')].find((one) => (one.getAttribute('aria-label') ?? one.textContent).trim() === wanted) ?? null, name);
    return found.asElement() ?? false;
  }).catch(async (error) => { throw new Error(`${error.message} ${await citizen.screen()}`); });
  await button.click();
}

const address = (citizen) => citizen.evaluate(() => location.pathname + location.search);

async function book(after, options) {
  const server = await Server.forCase(after);
  await withProvider(after, server);
  const citizen = new Citizen(await launch(CITIZEN, { spki: server.spki, noProbe: true, ...options }), CITIZEN);
  await citizen.open(server.demo.booking_url);
  await screen(citizen, 'book_consent');
  await press(citizen, 'Continue with authentication');
  await citizen.sees(/Please tick the box/);
  await choose(citizen, 'I agree');
  await press(citizen, 'Continue with authentication');
  await atProvider(citizen, 'Give up');
  await screen(citizen, 'mine_not_signed_in');
  check((await address(citizen)) === '/signed-in', `the answer of the provider stays in the address: ${await address(citizen)}`);
  await citizen.sees(/Nobody was signed in[\s\S]*Book without authentication/);
  // What was chosen before is still there.
  await citizen.open(server.demo.booking_url);
  await screen(citizen, 'book_consent');
  check(await citizen.page.$eval('#consent', (box) => box.checked), 'what was ticked is lost');
  await press(citizen, 'Continue with authentication');
  await atProvider(citizen, 'Sign in as clara');
  await screen(citizen, 'book_topic');
  await choose(citizen, 'Long-term care');
  await press(citizen, 'Next');
  await screen(citizen, 'book_time', { axe: false });
  const days = await citizen.page.$$eval('.days input:enabled', (inputs) => inputs.map((input) => input.labels[0].textContent.trim()));
  await choose(citizen, days.at(-1));
  await choose(citizen, (await citizen.page.$$eval('.times label', (labels) => labels.map((label) => label.textContent.trim())))[0]);
  await press(citizen, 'Next');
  await screen(citizen, 'book_details');
  await citizen.sees(/Signed in as Clara Weber-Thill[\s\S]*substantial/);
  check((await (await citizen.field('E-mail')).evaluate((input) => input.value)) === 'clara@example.lu', 'the address is not filled in');
  check((await (await citizen.field('Phone')).evaluate((input) => input.value)) === '+352 621 123 456', 'the phone is not filled in');
  check(!(await citizen.page.$('#name')), 'the name can be changed');
  return { server, citizen };
}

/** From the details to the end, through "my appointments". */
async function andCancel({ server, citizen }) {
  await press(citizen, 'Next');
  for (let n = 0; n < 4 && (await until('the next step', async () => (await screenOf(citizen)) !== 'book_details' && screenOf(citizen))) !== 'book_review'; n++) await press(citizen, 'Next');
  await screen(citizen, 'book_review', { axe: false });
  await press(citizen, 'Confirm the appointment');
  await screen(citizen, 'book_confirmed', { axe: false });
  const [reference] = /[2-9A-Z]{3}-[2-9A-Z]{3}/.exec(await citizen.text());
  await citizen.open(new URL('/mine', server.demo.booking_url).href);
  await screen(citizen, 'mine');
  await citizen.sees(new RegExp(`Signed in as Clara Weber-Thill[\\s\\S]*To come[\\s\\S]*${reference}`));
  await press(citizen, `Open: ${reference}`);
  await citizen.sees(/You are early/, 30);
  await citizen.open(new URL('/mine', server.demo.booking_url).href);
  await screen(citizen, 'mine');
  await press(citizen, `Cancel the appointment: ${reference}`);
  await press(citizen, 'Yes, cancel');
  await citizen.sees(/Cancelled/);
  await press(citizen, 'Sign out');
  await screen(citizen, 'mine_signed_out');
  await citizen.sees(/You are signed out/);
  await citizen.page.reload();
  await screen(citizen, 'mine_signed_out', { axe: false });
  const refused = citizen.browser.console.filter((line) => /Content Security Policy|pageerror/.test(line));
  check(refused.length === 0, refused.join('\n'));
}

export const cases = [
  { name: 'a citizen books with authentication, finds the appointment again and cancels it (Chromium)', seconds: 180, run: async ({ after }) => andCancel(await book(after, {})) },
  { name: 'a citizen books with authentication, finds the appointment again and cancels it (Firefox)', seconds: 240, run: async ({ after }) => andCancel(await book(after, { firefox: true })) },
  {
    name: 'a provider that is away is said, and booking goes on without it',
    async run({ after }) {
      const server = await Server.forCase(after);
      const provider = await withProvider(after, server);
      provider.stop();
      const citizen = new Citizen(await launch(CITIZEN, { spki: server.spki, noProbe: true }), CITIZEN);
      await citizen.open(server.demo.booking_url);
      await screen(citizen, 'book_consent', { axe: false });
      await choose(citizen, 'I agree');
      await citizen.press('Continue with authentication');
      await citizen.sees(/The identity provider does not answer/);
      await citizen.press('Continue without authentication');
      await screen(citizen, 'book_topic', { axe: false });
    },
  },
  {
    name: 'a service that asks who joins lets them in after the provider, and the desk sees how sure it is',
    seconds: 180,
    async run({ after }) {
      const server = await Server.forCase(after);
      await withProvider(after, server, { set: 'services.advice.step_up=substantial' });
      const { join_url } = await server.appointment();
      const citizen = new Citizen(await launch(CITIZEN, { spki: server.spki, noProbe: true }), CITIZEN);
      await citizen.open(join_url);
      await screen(citizen, 'step_up');
      await citizen.press('Continue with authentication');
      await atProvider(citizen, 'Sign in as clara');
      await screen(citizen, 'welcome', { axe: false });
      const desk = new Agent(await launch(AGENT, { spki: server.spki, noProbe: true }), AGENT);
      await desk.open(server.demo.agent.url);
      await desk.press('Sign in with your organisation');
      await atProvider(desk, 'Sign in as anna');
      await desk.sees(/Anna Adviser/);
      await desk.sees(/Clara Citizen[\s\S]*assurance level substantial[\s\S]*as Clara Weber-Thill/);
      check((await address(desk)) === '/agent', `the answer of the provider stays in the address: ${await address(desk)}`);
    },
  },
];

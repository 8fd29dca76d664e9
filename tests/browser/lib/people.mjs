// What a citizen and an agent do on screen, by roles and accessible names alone, as the contract for scripts gives them.
import { AGENT, CITIZEN, GUESTS, launch } from './browsers.mjs';
import { check, limited, sleep, until } from './steps.mjs';

class Person {
  constructor(browser, who) {
    this.browser = browser;
    this.page = browser.page;
    this.who = who;
  }

  get firefox() {
    return Boolean(this.browser.options.firefox);
  }

  evaluate(what, ...args) {
    return limited(this.page.evaluate(what, ...args), 15_000, 'answer of the page');
  }

  /** Opens a page; a browser that just saw its network appear may give the first try up. */
  async open(url) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.page.goto(url);
      } catch (error) {
        if (attempt === 3 || !/NETWORK_CHANGED|ABORTED/.test(error.message)) throw error;
        await sleep(500);
      }
    }
  }

  /** Elements of this role and exact name that are on screen. */
  async all(role, name) {
    return limited(this.page.$$(`::-p-aria([name="${name}"][role="${role}"])`), 10_000, `${role} "${name}"`);
  }

  async has(role, name) {
    return (await this.all(role, name)).length > 0;
  }

  /** The one element of that role and name; two of them are an error. */
  async one(role, name, seconds = 20) {
    const found = await until(`${role} "${name}"`, async () => {
      const all = await this.all(role, name);
      return all.length > 0 && all;
    }, seconds).catch(async (error) => { throw new Error(`${error.message}\n     ${await this.screen()}`); });
    check(found.length === 1, `${found.length} × ${role} "${name}"`);
    return found[0];
  }

  async press(name, seconds = 20) {
    const button = await this.one('button', name, seconds);
    await limited(button.click(), 10_000, `click on "${name}"`);
  }

  async fill(label, text) {
    const field = await until(`field "${label}"`, () => this.field(label)).catch(async (error) => { throw new Error(`${error.message}\n     ${await this.screen()}`); });
    await field.click();
    await field.type(text);
  }

  async field(label) {
    const handle = await this.page.evaluateHandle((wanted) => [...document.querySelectorAll('input')].find((input) => [...(input.labels ?? [])].some((found) => found.textContent.trim().startsWith(wanted)) || input.getAttribute('aria-label') === wanted) ?? null, label);
    return handle.asElement();
  }

  /** The words on screen, for failures and for loose checks. */
  async text() {
    return this.evaluate(() => document.body.innerText);
  }

  async screen() {
    const text = await this.text().catch((error) => error.message);
    const { failures, refusals } = await this.evaluate(() => ({ failures: window.visavisProbe?.failures, refusals: window.visavisProbe?.refusals })).catch(() => ({}));
    return JSON.stringify({ url: this.page.url().replace(/#.*/, '#…'), text: text.slice(0, 600), failures, refusals, console: this.browser.console.slice(-8) });
  }

  async sees(pattern, seconds = 20) {
    await until(`text ${pattern}`, async () => pattern.test(await this.text()), seconds).catch(async (error) => { throw new Error(`${error.message}\n     ${await this.screen()}`); });
  }

  /** The `<video>` with this accessible name, as a handle. */
  async video(name, seconds = 20) {
    return until(`video "${name}"`, async () => {
      const handle = await this.page.evaluateHandle((wanted) => [...document.querySelectorAll('video')].find((video) => {
        const by = video.getAttribute('aria-labelledby');
        return (video.getAttribute('aria-label') ?? (by && document.getElementById(by)?.textContent) ?? video.title).trim() === wanted;
      }) ?? null, name);
      return handle.asElement();
    }, seconds).catch(async (error) => { throw new Error(`${error.message}\n     ${await this.screen()}`); });
  }

  async watch(name) {
    const video = await this.video(name);
    await until(`frames of "${name}"`, () => video.evaluate((element) => element.videoWidth > 2 && element.readyState >= 2), 15).catch(async (error) => {
      throw new Error(`${error.message}\n     ${await this.screen()}\n     in ${JSON.stringify(await this.evaluate(() => window.visavisProbe.inbound()))}\n     out ${JSON.stringify(await this.evaluate(() => window.visavisProbe.outbound()))}`);
    });
    await video.evaluate((element) => window.visavisProbe.watch(element));
    return { video, energy: await this.evaluate(() => window.visavisProbe.audioEnergy()) };
  }

  async report({ video, energy }) {
    const seen = await video.evaluate((element) => window.visavisProbe.report(element));
    // The browser counts per peer connection: after a new transport it has begun from zero.
    const before = seen.audioEnergy < energy ? 0 : energy;
    return { ...seen, energyGrowth: seen.audioEnergy - before };
  }

  /** Waits until the server's last word to this page is this phase. */
  phase(wanted, seconds = 20) {
    return until(`phase ${wanted}`, async () => (await this.probe('phase')) === wanted, seconds).catch(async (error) => {
      throw new Error(`${error.message}\n     phases ${JSON.stringify((await this.probe('states')).map((state) => state.phase))} ${await this.screen()}`);
    });
  }

  /** When, in ms after `since`, remote frames came again after the gap that began around or after `since`; 0 when none came yet.
   * Gaps below 300 ms are not noted: with `unnoticed`, pictures that still come five seconds later count as back after that long. */
  async frameAfterGap(since, { unnoticed = false } = {}) {
    const { gaps, lastFrameAt, now } = await this.evaluate(() => { const { gaps, lastFrameAt, now } = window.visavisProbe; return { gaps, lastFrameAt, now: now() }; });
    const gap = gaps.find(({ to }) => to > since + 100);
    if (gap) return gap.to - since;
    return unnoticed && now - since > 5000 && now - lastFrameAt < 300 ? 300 : 0;
  }

  /** The sum of what came in, to see that sound goes on. */
  async audioPackets() {
    return (await this.probe('inbound')).filter((entry) => entry.kind === 'audio').reduce((sum, entry) => sum + entry.packets, 0);
  }

  probe(name) {
    return this.evaluate((key) => { const value = window.visavisProbe[key]; return typeof value === 'function' ? value() : value; }, name);
  }
}

export class Citizen extends Person {
  static async open(server, { url, ...options } = {}) {
    const citizen = new Citizen(await launch(CITIZEN, { spki: server.spki, ...options }), CITIZEN);
    if (!url) citizen.appointment = await server.appointment(options.appointment);
    citizen.name = citizen.appointment?.name ?? server.demo.citizen.name;
    citizen.url = url ?? citizen.appointment.join_url;
    await citizen.open(citizen.url);
    return citizen;
  }

  /** From the link to the waiting room. */
  async arrive() {
    await this.press('Join the waiting room');
    await this.press('Join the call');
  }

  async answer() {
    await this.press('Answer', 25);
  }
}

export class Agent extends Person {
  static async signIn(server, options = {}) {
    const agent = new Agent(await launch(AGENT, { spki: server.spki, ...options }), AGENT);
    const { url, username, password, name } = server.demo.agent;
    agent.name = name;
    await agent.open(url);
    await agent.fill('User name', username);
    await agent.fill('Password', password);
    await agent.press('Sign in');
    return agent;
  }

  /** The row of the waiting list whose name contains this person's. */
  async row(name, seconds = 20) {
    return until(`row of "${name}"`, async () => {
      const handle = await this.page.evaluateHandle((wanted) => [...document.querySelectorAll('[role=row], tr')].find((row) => row.textContent.includes(wanted)) ?? null, name);
      return handle.asElement();
    }, seconds).catch(async (error) => { throw new Error(`${error.message}\n     ${await this.screen()}`); });
  }

  /** Presses a button in the row of this person. */
  async inRow(name, button, seconds = 20) {
    const pressed = await until(`button "${button}" in the row of "${name}"`, async () => {
      const row = await this.row(name, 1);
      const handle = await row.evaluateHandle((element, wanted) => [...element.querySelectorAll('button')].find((found) => (found.getAttribute('aria-label') ?? found.textContent).trim().startsWith(wanted) && !found.disabled) ?? null, button);
      const found = handle.asElement();
      if (!found) return false;
      await found.click();
      return true;
    }, seconds).catch(async (error) => { throw new Error(`${error.message}\n     ${await this.screen()}`); });
    return pressed;
  }

  async call(name) {
    await this.inRow(name, 'Call');
  }

  /** Makes the link of a third person in the running call. */
  async invite(name) {
    await this.press('Invite a person');
    await this.fill('Name', name);
    await this.press('Make the link');
    const field = await until('the link', () => this.field('Link'));
    const url = await field.evaluate((input) => input.value);
    check(await this.page.$('svg[aria-label="QR code of the link"]'), 'no QR code');
    await this.press('Done');
    return url;
  }
}

/** A third person; `number` says whose picture and tone they have. */
export class Guest extends Person {
  static async open(server, url, name, number, options = {}) {
    const guest = new Guest(await launch(GUESTS[number], { spki: server.spki, ...options }), GUESTS[number]);
    guest.name = name;
    await guest.open(url);
    return guest;
  }

  /** From the link to the door. */
  async knock() {
    await this.press('Prepare camera and microphone');
    await this.fill('Your name', this.name);
    await this.evaluate(() => document.querySelector('input[type=checkbox]').click());
    await this.press('Knock');
  }
}

/** Everybody sees and hears everybody else for `seconds`: picture and tone are the other's own. Answers what each saw, by names. */
export async function proveTogether(people, { seconds = 8, fps = 10 } = {}) {
  const views = people.flatMap((at) => people.filter((from) => from !== at).map((from) => ({ at, from })));
  for (const view of views) view.watch = await view.at.watch(view.from.name);
  await sleep(seconds * 1000);
  for (const view of views) {
    const { at, from } = view;
    view.seen = await at.report(view.watch);
    const where = `${from.name} seen by ${at.name}: ${JSON.stringify(view.seen)}\n     in ${JSON.stringify(await at.probe('inbound'))}\n     out ${JSON.stringify(await from.probe('outbound'))}`;
    console.log(`     ${from.name} seen by ${at.name}: ${view.seen.fps.toFixed(1)} fps, longest gap ${view.seen.longestGapMs.toFixed(0)} ms, ${view.seen.read} bar codes, ${view.seen.unreadable} unreadable, tone ${view.seen.tone ?? '-'} Hz`);
    check(Object.keys(view.seen.sources).length === 1 && view.seen.sources[from.who.source] > 0, `wrong or no picture; ${where}`);
    check(view.seen.fps >= fps, `frame rate; ${where}`);
    if (!at.firefox) check(Math.abs(view.seen.tone - from.who.hertz) <= 50, `wrong or no sound; ${where}`);
  }
  return views;
}

/** From link and sign-in to a running call; both see each other. */
export async function meet(server, { citizen: citizenOptions = {}, agent: agentOptions = {} } = {}) {
  const agent = await Agent.signIn(server, agentOptions);
  const citizen = await Citizen.open(server, citizenOptions);
  await citizen.arrive();
  await agent.call(citizen.name);
  await citizen.answer();
  await agent.video(citizen.name);
  await citizen.video(agent.name);
  return { citizen, agent };
}

/**
 * `seconds` of call with proof of picture and sound in both directions; `camera: false` when the citizen sends none.
 * The bar of 20 frames a second holds for the long proofs; a short one shows that media flows, on a machine that is still starting browsers.
 */
export async function proveCall(citizen, agent, { seconds = 20, fps = seconds >= 20 ? 20 : 10, camera = true, say = true } = {}) {
  const directions = [
    { at: citizen, from: agent, picture: true },
    ...(camera ? [{ at: agent, from: citizen, picture: true }] : [{ at: agent, from: citizen, picture: false }]),
  ];
  for (const direction of directions) {
    if (direction.picture) direction.watch = await direction.at.watch(direction.from.name);
    else {
      direction.watch = { video: await direction.at.video(direction.from.name), energy: await direction.at.probe('audioEnergy') };
      await direction.watch.video.evaluate((element) => window.visavisProbe.watch(element));
    }
  }
  await sleep(seconds * 1000);
  const reports = [];
  for (const { at, from, picture, watch } of directions) {
    const seen = await at.report(watch);
    const where = `${from.constructor.name} seen by ${at.constructor.name}: ${JSON.stringify(seen)}\n     in ${JSON.stringify(await at.probe('inbound'))}\n     out ${JSON.stringify(await from.probe('outbound'))}`;
    if (say) console.log(`     ${from.constructor.name} seen by ${at.constructor.name}: ${seen.fps.toFixed(1)} fps, longest gap ${seen.longestGapMs.toFixed(0)} ms, ${seen.read} bar codes read, tone ${seen.tone ?? '-'} Hz, energy +${seen.energyGrowth.toFixed(3)}`);
    if (picture) {
      check(Object.keys(seen.sources).length === 1 && seen.sources[from.who.source] >= seconds, `wrong or no picture; ${where}`);
      check(seen.differentNumbers >= seconds, `the picture stands still; ${where}`);
      check(seen.fps >= fps, `frame rate; ${where}`);
      check(seen.unreadable < seen.read / 5, `unreadable picture; ${where}`);
    }
    if (at.firefox) check(seen.energyGrowth > 0.0005 * seconds, `no sound; ${where}`);
    else check(Math.abs(seen.tone - from.who.hertz) <= 50 && seen.toneCount > seconds, `wrong or no sound; ${where}`);
    reports.push(seen);
  }
  return reports;
}

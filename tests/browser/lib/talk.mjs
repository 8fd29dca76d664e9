// Writing in the call as a person does: the chat and real-time text of a page, what they show and when.
import { check, until } from './steps.mjs';

/** Writes into the text box `Message` and presses `Send`, by their names. In the page itself: Firefox searches its tree of names for seconds on a busy machine. */
export async function write(person, text) {
  await until('the text box "Message" with its button "Send"', () => person.evaluate((value) => {
    const box = [...document.querySelectorAll('textarea')].find((found) => found.labels[0]?.textContent.trim() === 'Message');
    const send = [...document.querySelectorAll('button')].find((found) => found.textContent.trim() === 'Send');
    if (!box || !send) return false;
    box.focus();
    document.execCommand('insertText', false, value);
    return new Promise((done) => setTimeout(() => { send.click(); done(true); }));
  }, text));
}

/** The texts in the log `Chat`, with what is said of the last own one. */
export function chat(person) {
  return person.evaluate(() => {
    const log = document.querySelector('[role=log][aria-label="Chat"]');
    return { texts: [...(log?.querySelectorAll('.said-text') ?? [])].map((said) => said.textContent), state: [...(log?.querySelectorAll('.said-state') ?? [])].map((state) => state.textContent).join(), unsent: log?.querySelectorAll('.said-unsent').length };
  });
}

export async function reads(person, texts, seconds = 20) {
  await until(`the chat ${JSON.stringify(texts)}`, async () => JSON.stringify((await chat(person)).texts) === JSON.stringify(texts), seconds).catch(async (error) => {
    throw new Error(`${error.message}\n     ${JSON.stringify(await chat(person))} ${await person.screen()}`);
  });
}

/** Notes what the log `Real-time text of <name>` shows from now on, and when; one evaluation at the end tells it. */
export async function watchText(person, name) {
  await until('the log', () => person.evaluate((label) => document.querySelector(`[role=log][aria-label="${label}"]`) !== null, `Real-time text of ${name}`));
  await person.evaluate((label) => {
    const log = document.querySelector(`[role=log][aria-label="${label}"]`);
    const shown = (window.talkShown = []);
    let asked = false;
    const note = () => {
      asked = false;
      // The complete lines are cut at two hundred: the newest tells them apart.
      const lines = [...log.querySelectorAll('p:not(.live-now)')];
      shown.push({ at: performance.timeOrigin + performance.now(), state: `${lines.at(-1)?.textContent ?? ''}\n${log.querySelector('.live-now').textContent}` });
    };
    // A change counts when it is painted.
    new MutationObserver(() => { if (!asked) { asked = true; requestAnimationFrame(note); } }).observe(log, { childList: true, characterData: true, subtree: true });
  }, `Real-time text of ${name}`);
}

/** What a person would type in these scripts, by a seed: letters, a deletion now and then, a new line at times. */
export function keystrokes(count, seed) {
  let state = seed;
  const random = () => ((state = (state * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff);
  const scripts = [
    [...'abcdefghijklmnopqrstuvwxyz éèäëôß'], [...'абвгдежзийклмнопрстуфхцчшщьюя '], [...'ابتثجحخدذرزسشصضطظعغفقكلمنهوي '],
    ['👨‍👩‍👧', '👩🏽‍⚕️', '🏳️‍🌈', '👍🏿', '😀', '🇱🇺', '❤️', 'e\u0301', '1️⃣', ' '],
  ];
  return Array.from({ length: count }, (_, n) => {
    const script = scripts[Math.floor((n * scripts.length) / count)];
    const die = random();
    if (die < 0.15) return 'delete';
    if (die < 0.18) return 'enter';
    return script[Math.floor(random() * script.length)];
  });
}

/** Types on the page itself, one key each `everyMs`; answers what the own page held after each key, and how long each waited to be sent. */
export async function type(person, keys, everyMs) {
  await person.page.evaluate(() => {
    const box = [...document.querySelectorAll('input')].find((input) => input.getAttribute('aria-labelledby') === 'live-title');
    box.focus();
    const now = () => performance.timeOrigin + performance.now();
    const typed = (window.talkTyped = { keys: [], waits: [], pending: [], done: false });
    const sent = (label) => { if (label !== 'text') return; for (const at of typed.pending.splice(0)) typed.waits.push(now() - at); };
    const { send } = RTCDataChannel.prototype;
    RTCDataChannel.prototype.send = function (data) { send.call(this, data); if (!String(data).includes('again')) sent(this.label); };
    window.talkNow = now;
    window.talkBox = box;
  });
  await person.page.evaluate((all, pause) => {
    const { talkTyped: typed, talkBox: box, talkNow: now } = window;
    let last = '';
    let next = 0;
    const start = performance.now();
    const step = () => {
      // What a slow timer owes is typed at once, as by somebody who types faster.
      while (next < all.length && performance.now() - start >= next * pause) {
        const key = all[next++];
        const at = now();
        const before = box.value;
        if (key === 'delete') { if (before === '') continue; typed.pending.push(at); document.execCommand('delete'); }
        else if (key === 'enter') { if (before === '') continue; typed.pending.push(at); last = before; box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true })); }
        else { typed.pending.push(at); document.execCommand('insertText', false, key); }
        typed.keys.push({ at, state: `${last}\n${key === 'enter' ? '' : box.value}` });
        if (key === 'enter') break; // the box is emptied after this task
      }
      if (next < all.length) setTimeout(step, 4);
      else typed.done = true;
    };
    step();
  }, keys, everyMs);
  await until('everything is typed', () => person.evaluate(() => window.talkTyped.done), 60 + (keys.length * everyMs * 3) / 1000, 500);
}

/** After how many ms each key was on the other screen. Monotonous: a state shown counts for every key up to it. */
export function delays(keys, shown) {
  const times = [];
  let next = 0;
  for (const { at, state } of shown) {
    const match = keys.findIndex((key, index) => index >= next && key.state === state && key.at <= at);
    if (match < 0) continue;
    for (; next <= match; next += 1) times.push(at - keys[next].at);
  }
  return { times, missing: keys.length - next };
}

/** Both ends' texts, in the form of each other. */
export async function bothTexts(from, to, name) {
  const own = await from.evaluate(() => ({ lines: [...document.querySelectorAll('.live-mine p:not(.said-who)')].map((line) => line.textContent), now: window.talkBox.value }));
  const other = await to.evaluate((label) => {
    const log = document.querySelector(`[role=log][aria-label="${label}"]`);
    return { lines: [...log.querySelectorAll('p:not(.live-now)')].map((line) => line.textContent), now: log.querySelector('.live-now').textContent };
  }, `Real-time text of ${name}`);
  return { own, other };
}

/** The lines of the log as a screen reader finds them, in Chromium: static texts under the log, in order. */
export async function spokenLines(person, name) {
  const tree = await person.page.accessibility.snapshot({ interestingOnly: false });
  const find = (node) => (node.role === 'log' && node.name === name ? node : (node.children ?? []).map(find).find(Boolean));
  const log = find(tree);
  check(log, `no log "${name}" in the tree`);
  const texts = [];
  const walk = (node) => {
    if (node.role === 'StaticText') texts.push(node.name);
    (node.children ?? []).forEach(walk);
  };
  walk(log);
  return texts;
}

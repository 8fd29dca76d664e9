// The whole life of an appointment, from the booking to the page that says it is erased: booked with the copy of an identity card and three documents, told by a
// real mail server, opened at every phase under a moved clock, spoken, the card seen under its watermark, the documents had, everything gone.
import { violations } from '../lib/accessibility.mjs';
import { CARD_COLOUR, confirm, folder, pdfCard, pngCard, step, toReview, withoutAuthentication } from '../lib/booking.mjs';
import { CITIZEN, launch } from '../lib/browsers.mjs';
import { MailServer } from '../lib/mail-server.mjs';
import { Agent, Citizen, proveCall } from '../lib/people.mjs';
import { Server } from '../lib/server.mjs';
import { check, until } from '../lib/steps.mjs';

const MINUTE = 60;
const PDF = `%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n${'what the citizen wrote '.repeat(9000)}`;

/** Of each drawn page the parts, in a grid of 4 × 4, that no watermark crosses; and whether the card's own colour is there at all. */
const unmarked = (agent) => agent.page.$$eval('.identity-pages canvas', (canvases, colour) => canvases.map((canvas) => {
  const { data, width, height } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const marked = new Set();
  let own = 0;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = (y * width + x) * 4;
      if (Math.abs(data[at] - colour[0]) + Math.abs(data[at + 1] - colour[1]) + Math.abs(data[at + 2] - colour[2]) > 60) marked.add(Math.floor((4 * y) / height) * 4 + Math.floor((4 * x) / width));
      else own += 1;
    }
  }
  return { bare: 16 - marked.size, own: own / (width * height) };
}), CARD_COLOUR);

async function journey(after, { citizen: options = {}, agent: agentOptions = {}, pdf = false, first = withoutAuthentication } = {}) {
  const began = Date.now();
  const mailServer = await MailServer.forCase(after);
  const server = await Server.forCase(after, { settings: mailServer.settings });
  const write = folder(after);
  const card = pdf ? write('card.pdf', pdfCard()) : write('card.png', pngCard());
  const documents = ['Bescheid für Zoé.pdf', 'Rechnung.pdf', 'Vollmacht.pdf'].map((name) => write(name, PDF));
  const citizen = new Citizen(await launch(CITIZEN, { spki: server.spki, ...options }), CITIZEN);
  citizen.name = 'Clara Citizen';
  await citizen.open(server.demo.booking_url);

  // Booking.
  await toReview(citizen, { first, card, documents, axe: !citizen.firefox });
  check((await citizen.text()).includes('Vollmacht.pdf'), 'the review does not name the documents');
  const link = await confirm(citizen);
  await until('three documents have arrived', async () => (await citizen.page.$$('.document-list a[download]')).length === 4).catch(async (error) => { throw new Error(`${error.message} ${await citizen.screen()}`); });
  await citizen.one('link', 'Add to calendar');

  // The mail.
  const [mail] = await mailServer.mails(1);
  check(mail.text.includes(link) && mail.html_links.includes(link) && mail.calendars.length > 0, 'the mail lacks link or calendar entry');
  check(/social security card/.test(mail.text) && /social security card/.test(mail.html_words), 'the mail does not say what to have ready');

  // The link before its time: a countdown to the opening.
  await citizen.open(link);
  await citizen.sees(/You are early/);
  const start = await citizen.evaluate(() => fetch('/api/v1/link', { headers: { 'X-Visavis': '1' } }).then((answer) => answer.json()).then(({ start }) => Date.parse(start)));
  const at = async (seconds) => {
    await server.moveClock(Math.round((start - Date.now()) / 1000) + seconds);
    await citizen.page.reload();
  };
  await at(-16 * MINUTE);
  await citizen.sees(/You are early[\s\S]*\d+ (minute|second)s?/);
  await at(-15 * MINUTE - 6);
  await citizen.sees(/Join the waiting room/, 30); // by itself, when the countdown ends
  const agent = await Agent.signIn(server, agentOptions);
  await citizen.arrive();
  await citizen.phase('waiting');

  // The call.
  await agent.call(citizen.name);
  await citizen.answer();
  await agent.video(citizen.name);
  await citizen.video(agent.name);
  await proveCall(citizen, agent, { seconds: 5 });

  // The copy of the card.
  await agent.press('Look at the copy');
  await until('the copy is drawn', () => agent.page.$('.identity-pages canvas'), 25).catch(async (error) => { throw new Error(`${error.message} ${await agent.screen()}`); });
  const pages = await unmarked(agent);
  check(pages.length === (pdf ? 2 : 1) && pages.every(({ bare, own }) => bare === 0 && own > 0.4), `without a watermark, or no card: ${JSON.stringify(pages)}`);
  check(!(await agent.page.$('a[href*="identity"], img[src*="identity"], a[download*="card"]')), 'the copy can be had as a file');
  if (!agent.firefox) check((await violations(agent.page)).length === 0, (await violations(agent.page)).join('\n     '));
  await agent.press('Yes, it looks like it');
  await agent.sees(/Seen by Anna Agent at .*looks like the person on the card/);
  check(!/verified/i.test(await agent.text()), 'nobody is verified here');
  check(!(await agent.page.$('.identity-pages')), 'the copy is still on screen');
  await agent.sees(/Bescheid für Zoé\.pdf[\s\S]*Rechnung\.pdf[\s\S]*Vollmacht\.pdf/);
  const refused = [...citizen.browser.console, ...agent.browser.console].filter((line) => /Content Security Policy|Trusted|pageerror/.test(line));
  check(refused.length === 0, refused.join('\n'));

  // Documents, then nothing any more.
  await agent.press('Close consultation');
  await agent.press('Close now');
  await citizen.sees(/Thank you and good-bye[\s\S]*Bescheid für Zoé\.pdf/);
  await citizen.open('about:blank');
  await citizen.open(link);
  await citizen.sees(/Bescheid für Zoé\.pdf[\s\S]*Rechnung\.pdf[\s\S]*Vollmacht\.pdf/);
  const names = await citizen.page.$$eval('.document-list a[download]', (links) => links.map((found) => found.textContent));
  check(names.length === 3, `the copy of the card is still there: ${names}`);
  await server.moveClock(Math.round((start - Date.now()) / 1000) + 25 * 60 * MINUTE);
  await until('the receipt on the same link', async () => {
    await citizen.open('about:blank');
    await citizen.open(link);
    await citizen.sees(/Everything is deleted|everything .* deleted/i, 5);
    return /Line in the ledger\s+\d+/.test(await citizen.text());
  }, 30, 500);
  console.log(`     the whole journey in ${((Date.now() - began) / 1000).toFixed(0)} s`);
}

export const cases = [
  { name: 'the whole journey on a phone, the card as a picture (Chromium)', seconds: 150, run: ({ after }) => journey(after, { citizen: { phone: true } }) },
  { name: 'the whole journey on a desktop, the card as a PDF (Chromium)', seconds: 150, run: ({ after }) => journey(after, { pdf: true }) },
  { name: 'the whole journey in Firefox, the agent in Firefox too (Firefox)', seconds: 180, run: ({ after }) => journey(after, { citizen: { firefox: true }, agent: { firefox: true }, pdf: true }) },
  {
    name: 'chosen files survive a reload, sealed, and what the browser did not keep is asked for again',
    async run({ after }) {
      const server = await Server.forCase(after);
      const write = folder(after);
      const citizen = new Citizen(await launch(CITIZEN, { spki: server.spki, noProbe: true }), CITIZEN);
      await citizen.open(server.demo.booking_url);
      await toReview(citizen, { card: write('card.png', pngCard()), documents: [write('Rechnung.pdf', PDF)] });
      await citizen.page.reload();
      await step(citizen, 'review', { focused: false });
      check(/card\.png[\s\S]*Rechnung\.pdf/.test(await citizen.text()), 'the files are lost by a reload');
      const stored = await citizen.evaluate(() => new Promise((done, failed) => {
        const opening = indexedDB.open('visavis-files');
        opening.onerror = failed;
        opening.onsuccess = () => {
          const asked = opening.result.transaction('files').objectStore('files').getAll();
          asked.onsuccess = () => done(asked.result.map(({ sealed }) => new TextDecoder('latin1').decode(sealed.slice(0, 64))));
        };
      }));
      check(stored.length === 2 && !stored.some((text) => /PNG|%PDF/.test(text)), 'a file lies open in the browser');
      // What a browser does that forgets.
      await citizen.evaluate(() => sessionStorage.removeItem('visavis.files'));
      await citizen.page.reload();
      await step(citizen, 'identity', { focused: false });
      await citizen.sees(/has not kept this file/);
      check(await citizen.evaluate(() => !performance.getEntriesByType('resource').some(({ name }) => /link\/documents|bookings/.test(name))), 'something was sent before it was confirmed');
    },
  },
];

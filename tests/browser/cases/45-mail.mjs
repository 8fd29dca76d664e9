// From a mail to the page of its links: the calendar entry, and the two steps of a cancellation.
import { violations } from '../lib/accessibility.mjs';
import { CITIZEN, launch } from '../lib/browsers.mjs';
import { Citizen } from '../lib/people.mjs';
import { Server } from '../lib/server.mjs';
import { check } from '../lib/steps.mjs';

const cancels = (options, of) => ({
  name: `the links of a mail lead to the calendar entry and to a cancellation in two steps, ${of}`,
  async run({ after }) {
    const server = await Server.forCase(after);
    const email = `clara-${options.firefox ? 'f' : 'c'}@citizen.example`;
    await server.appointment({ startsInMinutes: 90, email });
    const [mail] = await server.mails(email, 1);
    check(mail.ics.includes('METHOD:REQUEST'), 'the mail has no calendar entry');

    const early = await Citizen.open(server, { ...options, url: mail.links.join });
    await early.sees(/Test camera and microphone/);
    const entry = await early.one('link', 'Add to calendar');
    const file = await early.evaluate((element) => fetch(element.href).then((answer) => answer.text()), entry);
    check(file.includes('BEGIN:VTIMEZONE') && file.includes('URL:'), `no calendar: ${file.slice(0, 200)}`);

    const citizen = await Citizen.open(server, { ...options, url: mail.links.cancel });
    await citizen.sees(/Nothing is cancelled yet/);
    check(!citizen.page.url().includes('#'), 'the token stays in the address');
    await citizen.press('Cancel the appointment');
    await citizen.press('Keep the appointment');
    await citizen.page.reload();
    await citizen.sees(/Nothing is cancelled yet/);
    await citizen.press('Cancel the appointment');
    await citizen.press('Yes, cancel');
    await citizen.sees(/Your appointment is cancelled/);
    await early.sees(/Your appointment is cancelled/).catch(async () => { await early.page.reload(); await early.sees(/Your appointment is cancelled/); });
    const mails = await server.mails(email, 2);
    check(mails[1].ics.includes('METHOD:CANCEL') && !mails[1].text.includes('/j#'), 'the second mail takes nothing back');
    await citizen.page.reload();
    await citizen.sees(/Your appointment is cancelled/);
  },
});

/** As a mail program shows it: the HTML part alone, on a narrow screen. */
async function readable(after) {
  const server = await Server.forCase(after);
  const kinds = ['en', 'fr', 'de', 'lb'].map((language) => ({ language, email: `clara-${language}@citizen.example` }));
  const browser = await launch(CITIZEN, { noProbe: true });
  await browser.page.setViewport({ width: 320, height: 640 });
  for (const { language, email } of kinds) {
    const { reference } = await server.appointment({ startsInMinutes: 90, language, email, topic: 'care' });
    await server.cancel(reference);
    const mails = await server.mails(email, 2);
    for (const mail of mails) {
      await browser.page.setContent(mail.html);
      const problems = await violations(browser.page);
      const wide = await browser.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      const loaded = await browser.page.evaluate(() => performance.getEntriesByType('resource').filter(({ name }) => !name.startsWith('data:')).length);
      check(problems.length === 0 && wide <= 0 && loaded === 0, `${mail.subject}: ${wide} px too wide, ${loaded} loaded\n     ${problems.join('\n     ')}`);
      check((await browser.page.evaluate(() => document.documentElement.lang)) === language, 'another language');
      check(mail.html.length < 8_000, `${mail.html.length} characters of HTML`);
    }
  }
}

export const cases = [
  cancels({}, 'Chromium'),
  cancels({ firefox: true }, 'Firefox'),
  { name: 'axe finds nothing in any mail in any language, 320 px wide', run: ({ after }) => readable(after) },
];

// From a mail to the page of its links: the calendar entry, and the two steps of a cancellation.
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

export const cases = [cancels({}, 'Chromium'), cancels({ firefox: true }, 'Firefox')];

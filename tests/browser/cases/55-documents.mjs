// Documents on the link's page and the deletion of everything, in both browsers: sent, refused, downloaded, taken back; the receipt on the same link ever after.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, Citizen } from '../lib/people.mjs';
import { Server } from '../lib/server.mjs';
import { check, until } from '../lib/steps.mjs';

const PDF = `%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n${'what the citizen wrote '.repeat(9000)}`;

/** Files of the citizen on their disk. */
function files(after) {
  const folder = mkdtempSync(join(tmpdir(), 'visavis-files-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name, text) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  return { letter: write('Bescheid für Zoé.pdf', PDF), page: write('picture.png', '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>') };
}

async function send(citizen, ...paths) {
  const field = await until('the field "Send documents"', () => citizen.field('Send documents'));
  check((await field.evaluate((input) => input.type)) === 'file', 'no file field');
  await field.uploadFile(...paths);
}

/** The bytes behind the link of this name, as the browser would save them. */
function download(citizen, name) {
  return citizen.evaluate(async (wanted) => {
    const link = [...document.querySelectorAll('a[download]')].find((found) => found.textContent === wanted);
    const answer = await fetch(link.href);
    return { text: await answer.text(), kind: answer.headers.get('content-disposition') };
  }, name);
}

async function deleteEverything(citizen) {
  await citizen.press('Delete everything now');
  await citizen.press('Keep everything');
  await citizen.press('Delete everything now');
  await citizen.press('Yes, delete everything');
  await citizen.sees(/Everything is deleted/);
}

export const cases = [
  ...[false, true].map((firefox) => ({
    name: `documents are sent, refused, downloaded and taken back, then everything is deleted, in ${firefox ? 'Firefox' : 'Chromium'}`,
    async run({ after }) {
      const { letter, page } = files(after);
      const server = await Server.forCase(after);
      const citizen = await Citizen.open(server, { firefox, appointment: { name: 'Zoé Documents', startsInMinutes: 120 } });
      await send(citizen, letter, page);
      await citizen.sees(/we cannot take this kind of file/);
      await citizen.sees(/207 KB/);
      const got = await download(citizen, 'Bescheid für Zoé.pdf');
      check(got.text === PDF && got.kind.startsWith('attachment'), `not the same bytes: ${got.text.length}, ${got.kind}`);
      await citizen.page.reload();
      await citizen.sees(/Bescheid für Zoé\.pdf/);
      check(!(await citizen.text()).includes('picture.png'), 'what was refused is there');
      await citizen.press('Take back Bescheid für Zoé.pdf');
      await until('it is gone', async () => !(await citizen.text()).includes('Bescheid'));
      await send(citizen, letter);
      await citizen.sees(/207 KB/);

      await deleteEverything(citizen);
      const receipt = await citizen.text();
      check(/Documents deleted\s+1/.test(receipt) && /at your wish/.test(receipt) && !receipt.includes('Zoé'), receipt);
      await citizen.open('about:blank');
      await citizen.open(citizen.url);
      await citizen.sees(/Everything is deleted/);
      check(/Line in the ledger\s+\d+/.test(await citizen.text()), 'the link shows no receipt');
    },
  })),
  {
    name: 'documents of the waiting room can be downloaded after the agent closed, and deleted from there',
    async run({ after }) {
      const { letter } = files(after);
      const server = await Server.forCase(after);
      const citizen = await Citizen.open(server);
      const agent = await Agent.signIn(server);
      await citizen.arrive();
      await citizen.phase('waiting');
      await send(citizen, letter);
      await citizen.sees(/207 KB/);
      await agent.call(citizen.name);
      await citizen.answer();
      await citizen.phase('in_call');
      await agent.press('Close consultation');
      await agent.press('Close now');
      await citizen.sees(/Thank you and good-bye/);
      await citizen.sees(/everything of this appointment is deleted by itself/);
      check((await download(citizen, 'Bescheid für Zoé.pdf')).text === PDF, 'not the same bytes');
      check(!(await citizen.text()).includes('Take back'), 'after the end documents are read-only');
      await deleteEverything(citizen);
    },
  },
];

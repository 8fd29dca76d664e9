// The steps of the booking page as a person takes them, and the files that they hand in. The first step can be another one, such as a sign-in.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { violations } from './accessibility.mjs';
import { check, until } from './steps.mjs';

export const screenOf = (citizen) => citizen.evaluate(() => document.querySelector('main')?.dataset.screen);

/** On this step, its heading in focus; axe finds nothing, and nothing is wider than the screen. */
export async function step(citizen, name, { focused = true, axe = !citizen.firefox } = {}) {
  await until(`step ${name}`, async () => (await screenOf(citizen)) === `book_${name}`).catch(async (error) => { throw new Error(`${error.message} ${await citizen.screen()}`); });
  if (name === 'time') await until('times', () => citizen.page.$('.times input'));
  if (focused) await until('focus on the heading', () => citizen.evaluate(() => document.activeElement?.tagName === 'H1'), 5, 50);
  const wide = await citizen.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  check(wide <= 0, `${name}: ${wide} px too wide`);
  if (axe) {
    const found = await violations(citizen.page);
    check(found.length === 0, `${name}: ${found.join('\n     ')}`);
  }
}

/** Chooses what is called so of a group of radio buttons, or ticks a box. */
export async function choose(citizen, text) {
  const handle = await citizen.page.evaluateHandle((wanted) => [...document.querySelectorAll('label.choice')].find((label) => label.textContent.includes(wanted))?.querySelector('input') ?? null, text);
  check(handle.asElement(), `no choice "${text}": ${await citizen.screen()}`);
  await handle.asElement().click();
}

export const times = (citizen) => citizen.page.$$eval('.times label', (labels) => labels.map((label) => label.textContent.trim()));

export const dayNames = (citizen) => citizen.page.$$eval('.days input:enabled', (inputs) => inputs.map((input) => input.labels[0].textContent.trim()));

/** Puts files into the field of this name, as the browser's own dialog would. */
export async function hand(citizen, label, ...paths) {
  const field = await until(`the field "${label}"`, () => citizen.field(label));
  check((await field.evaluate((input) => input.type)) === 'file', 'no file field');
  await field.uploadFile(...paths);
}

/** The copy of the card, and on to the documents. */
export async function handCard(citizen, path, { axe = false } = {}) {
  await step(citizen, 'identity', { axe });
  await hand(citizen, 'Copy of your identity card', path);
  await citizen.sees(/KB|MB/);
  await citizen.press('Next');
  await step(citizen, 'documents', { axe });
}

/** Without an account: the agreement alone. */
export async function withoutAuthentication(citizen) {
  await choose(citizen, 'I agree');
  await citizen.press('Continue without authentication');
}

/**
 * From the first page to the review, by pointer; on the last day of the first week, so that the link is before its time. `first` takes the first step,
 * `card` is the copy of the identity card (none where none is asked for), `documents` are further files.
 */
export async function toReview(citizen, { email = 'clara@example.lu', name = 'Clara Citizen', first = withoutAuthentication, card, documents = [], axe = false } = {}) {
  await step(citizen, 'consent', { focused: false, axe: false });
  await first(citizen);
  await step(citizen, 'topic', { axe: false });
  await choose(citizen, 'Long-term care');
  await citizen.press('Next');
  await step(citizen, 'time', { axe: false });
  await choose(citizen, (await dayNames(citizen)).at(-1));
  await choose(citizen, (await times(citizen))[0]);
  await citizen.press('Next');
  await step(citizen, 'details', { axe: false });
  await citizen.fill('Name', name);
  await citizen.fill('E-mail', email);
  await citizen.press('Next');
  if (card) await handCard(citizen, card, { axe });
  else await step(citizen, 'documents', { axe: false });
  if (documents.length > 0) {
    await hand(citizen, 'Choose documents', ...documents);
    await until('all of them are listed', async () => (await citizen.page.$$('.document-list li')).length === documents.length);
    if (axe) check((await violations(citizen.page)).length === 0, (await violations(citizen.page)).join('\n'));
  }
  await citizen.press('Next');
  await step(citizen, 'review', { axe });
}

/** Answers the link. */
export async function confirm(citizen) {
  await citizen.press('Confirm the appointment');
  await step(citizen, 'confirmed');
  return (await citizen.field('Your link')).evaluate((input) => input.value);
}

/** A folder of the citizen for one case. */
export function folder(after) {
  const path = mkdtempSync(join(tmpdir(), 'visavis-files-'));
  after(() => rmSync(path, { recursive: true, force: true }));
  return (name, bytes) => {
    writeFileSync(join(path, name), bytes);
    return join(path, name);
  };
}

/** The colour of the cards below: a watermark on them is whatever is of another colour. */
export const CARD_COLOUR = [150, 190, 230];

/** A card as a picture, all of one colour. */
export function pngCard(width = 860, height = 540) {
  const row = Buffer.concat([Buffer.from([0]), Buffer.concat(Array(width).fill(Buffer.from(CARD_COLOUR)))]);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const part = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind, 'latin1'), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), part('IHDR', header), part('IDAT', deflateSync(Buffer.concat(Array(height).fill(row)))), part('IEND', Buffer.alloc(0))]);
}

/** The same as a scan of two pages. What would run in a viewer that runs things is in it too. */
export function pdfCard() {
  const paint = `${CARD_COLOUR.map((part) => (part / 255).toFixed(4)).join(' ')} rg 0 0 430 270 re f`;
  const page = (contents) => `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 430 270] /Contents ${contents} 0 R >>`;
  const stream = `<< /Length ${paint.length} >>\nstream\n${paint}\nendstream`;
  const objects = ['<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >> >>', '<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>', page(5), page(6), stream, stream];
  let text = '%PDF-1.7\n';
  const at = objects.map((object, number) => {
    const begins = text.length;
    text += `${number + 1} 0 obj\n${object}\nendobj\n`;
    return begins;
  });
  const table = text.length;
  text += `xref\n0 7\n0000000000 65535 f \n${at.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')}trailer\n<< /Size 7 /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`;
  return Buffer.from(text, 'latin1');
}

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

// Every registered screen and state in every language, on a desktop and a phone: axe finds nothing, nothing is wider than the screen.
import { createServer } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { violations } from '../lib/accessibility.mjs';
import { CITIZEN, launch } from '../lib/browsers.mjs';
import { SERVER_ADDRESS } from '../lib/network.mjs';
import { check, limited, until } from '../lib/steps.mjs';

const GALLERY = fileURLToPath(new URL('../../../web-client/gallery', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
// As strict as the product's own: a screen that needs more fails here as it would there.
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; require-trusted-types-for 'script'; trusted-types 'none'";
const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

function serve() {
  const server = createServer((request, response) => {
    const path = join(GALLERY, new URL(request.url, 'http://gallery').pathname);
    if (!path.startsWith(GALLERY) || !existsSync(path)) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'text/plain', 'content-security-policy': POLICY }).end(readFileSync(path));
  });
  return new Promise((resolve) => server.listen(7002, SERVER_ADDRESS, () => resolve(server)));
}

/** The gallery in a browser with these flags; `hear` is told of every error of the page. */
async function openGallery(after, { state = '', flags = [], hear = () => {} } = {}) {
  check(existsSync(join(GALLERY, 'gallery.html')), 'web-client/gallery is missing: npm run build:gallery');
  const server = await serve();
  after(() => server.close());
  const origin = `http://${SERVER_ADDRESS}:7002`;
  const { page } = await launch(CITIZEN, { noProbe: true, flags: [`--unsafely-treat-insecure-origin-as-secure=${origin}`, ...flags] });
  page.on('pageerror', (error) => hear(error.message));
  await page.goto(`${origin}/gallery.html#${state}`);
  return page;
}

async function look(after, size) {
  const problems = [];
  let at = '';
  const page = await openGallery(after, { hear: (error) => problems.push(`${at}: ${error}`) });
  await until('the list of states', () => page.$('a[data-state]'));
  const states = await page.$$eval('a[data-state]', (links) => links.map((link) => `${link.dataset.state}/${link.dataset.language}`));
  await page.setViewport(SIZES[size]);
  for (at of states) {
    await page.evaluate((hash) => { location.hash = hash; }, at);
    await until(`state ${at}`, () => page.evaluate((shown) => document.documentElement.dataset.shown === shown, at), 10, 20);
    await limited(page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))), 5000);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wide > 0) problems.push(`${at}: ${wide} px too wide`);
    for (const line of await violations(page)) problems.push(`${at}: ${line}`);
  }
  const languages = [...new Set(states.map((state) => state.split('/')[1]))];
  console.log(`     ${states.length} screens looked at (${states.length / languages.length} states in ${languages.join(', ')})`);
  check(languages.length === 4 && states.length >= 40, `too few states: ${states.length} in ${languages}`);
  check(problems.length === 0, `${problems.length} problems\n     ${problems.slice(0, 20).join('\n     ')}`);
}

/** A browser that plays no sound before a tap: the button lies free on a phone with two others in the call, and one tap is enough. */
async function tapToHear(after) {
  const page = await openGallery(after, { state: 'agent-call-guests/de', flags: ['--autoplay-policy=user-gesture-required'] });
  await page.setViewport(SIZES.phone);
  // Asked by hand: what puppeteer evaluates is a gesture of the user to Chromium, and sound would play at once.
  const session = await page.createCDPSession();
  const buttons = async () => (await session.send('Runtime.evaluate', { expression: "document.querySelectorAll('.tile-refused button').length" })).result.value;
  await until('a tap is asked for on both pictures', async () => (await buttons()) === 2, 10, 50);
  const covered = await page.$$eval('.tile-refused button', (buttons) => buttons.filter((button) => {
    const { left, right, top, bottom } = button.getBoundingClientRect();
    const points = [left + 20, (left + right) / 2, right - 20].map((x) => document.elementFromPoint(x, (top + bottom) / 2));
    return !points.every((point) => button.contains(point));
  }).length);
  check(covered === 0, `${covered} buttons are covered`);
  await (await page.$$('.tile-refused button'))[1].click();
  await until('both play', () => page.evaluate(() => document.querySelectorAll('.tile-refused').length === 0 && [...document.querySelectorAll('.tile video')].every((video) => !video.paused)), 10, 50);
}

export const cases = [
  ...Object.keys(SIZES).map((size) => ({
    name: `axe finds nothing on any screen in any language (${size})`,
    seconds: 400,
    run: ({ after }) => look(after, size),
  })),
  { name: 'where sound waits for a tap, one tap lets everybody be heard (phone)', seconds: 60, run: ({ after }) => tapToHear(after) },
];

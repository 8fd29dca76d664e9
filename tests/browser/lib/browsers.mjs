// Starts Chromium and Firefox, each in its own network, with the fake devices that a case asks for. Knows nothing of screens.
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer from 'puppeteer-core';
import { FILM, writeBarCodeFilm, writeTone } from './media.mjs';
import { Network } from './network.mjs';
import { probe } from './page.mjs';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FIREFOX = process.env.FIREFOX ?? '/usr/bin/firefox-esr';

const work = mkdtempSync(join(tmpdir(), 'visavis-browsers-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

/** Who sends what: the number in the bar code and the pitch of the tone. */
export const CITIZEN = { source: 0xa5, hertz: 700 };
export const AGENT = { source: 0x3c, hertz: 1200 };
export const GUESTS = [{ source: 0x69, hertz: 1700 }, { source: 0x96, hertz: 2100 }];

const CHROMIUM_FLAGS = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--disable-dev-shm-usage', '--autoplay-policy=no-user-gesture-required', '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows', '--use-fake-device-for-media-stream',
];

const FIREFOX_PREFS = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  'media.gmp-manager.updateEnabled': false,
  'app.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'dom.timeout.enable_budget_timer_throttling': false,
  'privacy.reduceTimerPrecision': false,
  'intl.accept_languages': 'en',
};

const open = new Set();

/**
 * One browser with one page. `who` is CITIZEN or AGENT. Options: `spki` (certificate exception), `firefox`, `phone` (device emulation), `askPermission`
 * (no automatic yes), `h264Only`, `noCamera`, `noProbe`,
 * `film` (another size of the bar code film, Chromium), `plainCamera` (Chromium's own fake picture instead of the bar code film), `network` (a Network to use instead of an own one), `flags` (Chromium), `prefs` (Firefox).
 */
export async function launch(who, options = {}) {
  const network = options.network ?? new Network(options.firefox ? 'fx' : 'cr');
  const inside = new Inside(network, options);
  open.add(inside);
  inside.browser = options.firefox ? await launchFirefox(who, network, inside) : await launchChromium(who, network, options);
  inside.page = await inside.newPage(who);
  return inside;
}

/** Ends every browser of a case, whatever state it is in. */
export async function closeAll() {
  await Promise.all([...open].map((browser) => browser.close()));
  open.clear();
}

class Inside {
  constructor(network, options) {
    this.network = network;
    this.options = options;
    this.requests = [];
    this.console = [];
    this.cleanUps = [];
  }

  async newPage(who) {
    const [first] = await this.browser.pages();
    const page = this.page || !first ? await this.browser.newPage() : first;
    page.setDefaultTimeout(30_000);
    page.on('console', (message) => this.console.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => this.console.push(`pageerror: ${error.message}`));
    page.on('request', (request) => this.requests.push(request.url()));
    if (this.options.phone) {
      await page.emulate({ viewport: { width: 390, height: 844, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
        userAgent: 'Mozilla/5.0 (Linux; Android 14; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36' });
    } else if (!this.options.firefox) await page.setViewport({ width: 1280, height: 800 });
    const { h264Only = false, noCamera = false, firefox = false, sweep } = this.options;
    if (!this.options.noProbe) await page.evaluateOnNewDocument(probe, { source: who.source, canvasCamera: firefox, h264Only, noCamera, sweep });
    return page;
  }

  async close() {
    if (this.browser) {
      const process = this.browser.process();
      await Promise.race([this.browser.close().catch(() => {}), new Promise((resolve) => setTimeout(resolve, 5000))]);
      if (process && process.exitCode === null) process.kill('SIGKILL');
    }
    for (const cleanUp of this.cleanUps) cleanUp();
    if (!this.options.network) this.network.remove();
  }
}

async function launchChromium(who, network, options) {
  const { film: kind = FILM } = options;
  const film = join(work, `camera-${who.source}-${kind.width}-${kind.rate}.y4m`);
  const tone = join(work, `tone-${who.hertz}.wav`);
  if (!existsSync(film)) writeBarCodeFilm(film, who.source, kind);
  if (!existsSync(tone)) writeTone(tone, who.hertz);
  return puppeteer.launch({
    executablePath: wrapper(CHROMIUM, network),
    pipe: true,
    headless: true,
    ignoreDefaultArgs: ['--mute-audio'],
    args: [
      ...CHROMIUM_FLAGS,
      ...(options.plainCamera ? ['--use-fake-device-for-media-stream=fps=30'] : [`--use-file-for-fake-video-capture=${film}`]),
      `--use-file-for-fake-audio-capture=${tone}`,
      ...(options.askPermission ? [] : ['--use-fake-ui-for-media-stream']),
      ...(options.spki ? [`--ignore-certificate-errors-spki-list=${options.spki}`] : []), ...(options.flags ?? []),
    ],
    timeout: 60_000,
    protocolTimeout: 60_000,
  });
}

let nextPort = 9300;

async function launchFirefox(who, network, inside) {
  const port = (nextPort += 1);
  inside.cleanUps.push(await network.forwardLoopback(port));
  return puppeteer.launch({
    browser: 'firefox',
    executablePath: wrapper(FIREFOX, network),
    headless: true,
    acceptInsecureCerts: true, // Firefox knows no exception for one key
    args: [`--remote-debugging-port=${port}`],
    extraPrefsFirefox: { ...FIREFOX_PREFS, 'media.navigator.audio.fake_frequency': who.hertz, ...inside.options.prefs },
    timeout: 60_000,
    protocolTimeout: 60_000,
  });
}

function wrapper(executable, network) {
  const path = join(work, `${network.name}-${executable.split('/').pop()}`);
  writeFileSync(path, `#!/bin/sh\nexport HOME=${work} MOZ_HEADLESS=1\nexec ${network.enter.join(' ')} ${executable} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

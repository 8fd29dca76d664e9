// Looks at every state of the gallery with a real browser: axe in every language, pictures in English on request.
//   node build/gallery-check.mjs [--shots <folder>] [--only <part of an id>] [--languages en,fr] [--dark]
import { createServer } from "node:http";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "gallery");
const option = (name, otherwise) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : otherwise);
const shots = option("--shots");
const only = option("--only", "");
const wanted = option("--languages", "en,fr,de,lb").split(",");
const dark = process.argv.includes("--dark");
const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 }, narrow: { width: 320, height: 640 }, landscape: { width: 844, height: 390 } };
const size = option("--size", "desktop,phone").split(",");

const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; require-trusted-types-for 'script'; trusted-types 'none'";
const server = createServer((request, response) => {
  const path = join(root, request.url.split("?")[0]);
  if (!path.startsWith(root) || !existsSync(path)) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": types[extname(path)] ?? "text/plain", "content-security-policy": policy }).end(readFileSync(path));
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const base = `http://127.0.0.1:${server.address().port}/gallery.html`;

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required"] });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let failed = 0;
let checked = 0;
try {
  const context = await browser.newContext({ colorScheme: dark ? "dark" : "light", reducedMotion: shots ? "reduce" : "no-preference" });
  const page = await context.newPage();
  const complain = (what) => { failed += 1; console.log(`FAIL ${what}`); };
  page.on("pageerror", (error) => complain(`${page.url().replace(/.*#/, "")}: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && complain(`${page.url().replace(/.*#/, "")}: ${message.text()}`));
  await page.goto(base);
  const ids = await page.$$eval("a[data-state]", (links) => [...new Set(links.map((link) => link.dataset.state))]);
  if (shots) mkdirSync(shots, { recursive: true });
  for (const name of size) {
    await page.setViewportSize(sizes[name]);
    for (const id of ids.filter((one) => one.includes(only))) {
      for (const language of wanted) {
        await page.evaluate((hash) => { location.hash = hash; }, `${id}/${language}`);
        await page.waitForFunction((shown) => document.documentElement.dataset.shown === shown, `${id}/${language}`);
        if (shots) {
          await page.waitForTimeout(150);
          await page.screenshot({ path: join(shots, `${id}.${language}.${name}.png`), fullPage: !/call(-|$)/.test(id) });
        }
        await page.waitForTimeout(60);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (wide > 0) complain(`${id}/${language} ${name}: ${wide} px too wide`);
        // axe is given to the page by the tools' own door: the page's policy forbids what is not its own.
        await page.evaluate(`window.axe || (() => { ${axe} })()`);
        const found = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"] }));
        checked += 1;
        for (const violation of found.violations) complain(`${id}/${language} ${name}: ${violation.id} ${violation.nodes.map((node) => `${node.target} ${node.any.map((one) => one.message).join(" ").slice(0, 160)}`).slice(0, 3).join(" | ")}`);
      }
    }
  }
} finally {
  await browser.close();
  server.close();
}
console.log(`${failed === 0 ? "ok  " : "FAIL"} gallery: ${checked} states looked at, ${failed} problems`);
process.exit(failed === 0 ? 0 : 1);

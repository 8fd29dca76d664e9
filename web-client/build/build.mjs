// Bundles the pages into dist/ (or, with --gallery, the page of all screens into gallery/), with hashed names,
// precompressed siblings and a check of what a person must download. Each page is bundled by itself, so that it brings the texts and the style that it shows and no others.
import { build } from "esbuild";
import { keysIn, textsOf } from "./page-texts.mjs";
import { missingStyle } from "./page-style.mjs";
import { brotliCompressSync, gzipSync, constants } from "node:zlib";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync, statSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname, join, relative, basename } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const gallery = process.argv.includes("--gallery");
const out = join(root, gallery ? "gallery" : "dist");
const pages = gallery ? ["gallery"] : ["citizen", "agent", "book", "mine", "cancel", "index"];
/** Gzip bytes of page, style, script and one language: what is loaded before anything can be pressed. */
const budgets = { citizen: 60 * 1024, agent: 90 * 1024, book: 45 * 1024, mine: 28 * 1024, cancel: 26 * 1024, index: 20 * 1024 };

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, "assets"), { recursive: true });

const options = {
  absWorkingDir: root,
  outdir: join(out, "assets"),
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["es2021", "chrome100", "firefox102", "safari15.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: true,
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
  define: { __GALLERY__: String(gallery) },
};
/** The thread that reads PDFs: a script of its own, fetched when a PDF is shown. */
const worker = await build({ ...options, entryPoints: ["src/pdf-worker.ts"], splitting: false, format: "iife" });
options.define.__PDF_WORKER__ = JSON.stringify(`/assets/${basename(Object.keys(worker.metafile.outputs)[0])}`);
/** By page: what esbuild tells of it. */
const built = {};
/** Texts that no page shows yet. */
const unread = new Set(Object.keys(JSON.parse(readFileSync(join(root, "locales", "en.json"), "utf8"))));
for (const page of pages) built[page] = await bundle(page);
for (const key of gallery ? [] : unread) console.error(`locales: no page shows "${key}"`);
if (process.exitCode || (!gallery && unread.size > 0)) process.exit(1);

const outputsOf = (page) => Object.entries(built[page].outputs).map(([path, about]) => ({ name: basename(path), path: join(root, path), about }));
const entryOf = (page) => outputsOf(page).find((o) => o.about.entryPoint === `src/${page}.tsx`);
const styleOf = (page) => basename(entryOf(page).about.cssBundle);
const icon = hashed("icon.svg", readFileSync(join(root, "pages", "icon.svg")));

for (const page of pages) {
  const html = readFileSync(join(root, "pages", "page.html"), "utf8")
    .replaceAll("{{script}}", `/assets/${entryOf(page).name}`)
    .replaceAll("{{style}}", `/assets/${styleOf(page)}`)
    .replaceAll("{{icon}}", `/assets/${icon}`)
    .replaceAll("{{preload}}", preloads(page).map((name) => `<link rel="modulepreload" href="/assets/${name}">`).join("\n    "));
  writeFileSync(join(out, `${page}.html`), html);
}

for (const file of walk(out)) {
  const bytes = readFileSync(file);
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
  writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }));
}

if (!gallery) checkBudgets();

/** One page, in two goes: the first says which texts it can show, the second brings these alone. */
async function bundle(page) {
  const entryPoints = [`src/${page}.tsx`];
  const first = await build({ ...options, entryPoints, write: false, external: ["../../locales/*"] });
  const script = first.outputFiles.filter((file) => file.path.endsWith(".js")).map((file) => file.text).join("\n");
  const style = first.outputFiles.filter((file) => file.path.endsWith(".css")).map((file) => file.text).join("\n");
  const lacking = missingStyle(script, style);
  for (const [name, sheet] of lacking) console.error(`style: the page "${page}" has elements of class "${name}" and does not import ${sheet}`);
  if (lacking.length > 0) process.exitCode = 1;
  for (const key of keysIn(script, [...unread])) unread.delete(key);
  const { metafile } = await build({ ...options, entryPoints, plugins: [textsOf(script)] });
  return metafile;
}

function hashed(name, bytes) {
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 8).toUpperCase();
  const to = name.replace(/(\.\w+)$/, `-${hash}$1`);
  writeFileSync(join(out, "assets", to), bytes);
  return to;
}

/** Chunks that the entry imports statically, all the way down. */
function preloads(page) {
  const seen = new Set();
  const visit = (about) => {
    for (const { path, kind } of about.imports) {
      if (kind !== "import-statement" || seen.has(path)) continue;
      seen.add(path);
      visit(built[page].outputs[path]);
    }
  };
  visit(entryOf(page).about);
  return [...seen].map((path) => basename(path));
}

function checkBudgets() {
  let failed = false;
  for (const page of pages) {
    const locales = outputsOf(page).filter((o) => /^(en|fr|de|lb)-/.test(o.name)).map((o) => o.name);
    const size = (path) => statSync(`${join(out, path)}.gz`).size;
    const language = Math.max(...locales.map((name) => size(`assets/${name}`)));
    const fixed = [`${page}.html`, `assets/${entryOf(page).name}`, `assets/${styleOf(page)}`, `assets/${icon}`, ...preloads(page).map((n) => `assets/${n}`)];
    const total = fixed.reduce((sum, path) => sum + size(path), language);
    const ok = total <= budgets[page];
    console.log(`budget: ${page.padEnd(8)} ${(total / 1024).toFixed(1).padStart(5)} KB gzip of ${budgets[page] / 1024} KB ${ok ? "" : "TOO MUCH"}`);
    failed ||= !ok;
  }
  if (failed) process.exit(1);
}

function walk(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? walk(path) : /\.(br|gz)$/.test(entry.name) ? [] : [path];
  });
}
console.log(`built ${relative(root, out)}/`);

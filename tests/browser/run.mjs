// Runs the browser cases one after another; each has a time limit, and after each every browser is ended.
//   node run.mjs                the cases of `make test`
//   node run.mjs --only <text>  those whose name contains the text
//   node run.mjs --bench        the figures of benches/browser
import { readdirSync } from 'node:fs';
import { closeAll } from './lib/browsers.mjs';
import { enterOwnNamespace } from './lib/network.mjs';
import { limited } from './lib/steps.mjs';

await enterOwnNamespace();

const folder = process.argv.includes('--bench') ? '../../benches/browser/' : './cases/';
const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1].toLowerCase() : '';
let passed = 0;
let failed = 0;

for (const file of readdirSync(new URL(folder, import.meta.url)).filter((name) => name.endsWith('.mjs')).sort()) {
  const { cases } = await import(new URL(folder + file, import.meta.url));
  for (const { name, run, seconds = 120 } of cases) {
    if (!`${file} ${name}`.toLowerCase().includes(only)) continue;
    const began = Date.now();
    const cleanUps = [];
    try {
      await limited(run({ after: (cleanUp) => cleanUps.push(cleanUp) }), seconds * 1000, 'end');
      passed += 1;
      console.log(`ok ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)\n     ${error.stack.split('\n').slice(0, 6).join('\n     ')}`);
      for (const tell of cleanUps) await limited(Promise.resolve(tell('failed')), 15_000).catch(() => {});
      await closeAll();
      continue;
    }
    for (const cleanUp of cleanUps) await limited(Promise.resolve(cleanUp('passed')), 15_000).catch(() => {});
    await closeAll();
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);

// axe-core on whatever is on screen. Knows no screens.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { limited } from './steps.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** What axe finds wrong with the page as it is, one line per rule; an empty list is a pass. */
export async function violations(page) {
  if (!(await page.evaluate(() => typeof window.axe === 'object'))) await page.evaluate(AXE);
  const found = await limited(page.evaluate((tags) => window.axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] }).then(({ violations: list, passes }) => ({
    passes: passes.length,
    list: list.map((rule) => `${rule.id} (${rule.impact}): ${rule.nodes.slice(0, 3).map((node) => `${node.target.join(' ')} ${node.failureSummary?.split('\n')[1]?.trim() ?? ''}`).join(' | ')}`),
  })), RULES), 30_000, 'axe');
  if (found.passes === 0) throw new Error('axe looked at nothing');
  return found.list;
}

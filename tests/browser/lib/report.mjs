// The figures of a bench as JSON in target/bench, beside those of `cargo bench`. Knows no bench.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '../../../target/bench');

/** Replaces what `file` says of `part`; the other parts stay as the last run left them. */
export function report(file, part, figures) {
  mkdirSync(FOLDER, { recursive: true });
  const path = join(FOLDER, file);
  let kept = {};
  try {
    kept = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // The first run, or a file that was cut off: it is written anew.
  }
  writeFileSync(path, `${JSON.stringify({ ...kept, [part]: figures }, null, 2)}\n`);
}

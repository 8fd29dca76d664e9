// Holds the four languages against each other: same keys, same placeholders, nothing left untranslated.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join, dirname } from "node:path";

const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "locales");
const languages = ["en", "fr", "de", "lb"];
const read = (name) => JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
const texts = Object.fromEntries(languages.map((language) => [language, read(language)]));
const allowed = read("same-on-purpose");

/** Problems as sentences; empty when the languages agree. */
export function problems(texts, allowed) {
  const found = [];
  const keys = new Set(Object.values(texts).flatMap((text) => Object.keys(text)));
  const placeholders = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort().join(",");
  for (const key of keys) {
    for (const [language, text] of Object.entries(texts)) {
      if (text[key] === undefined) found.push(`${language}.json lacks "${key}"`);
      else if (text[key].trim() === "") found.push(`${language}.json has an empty "${key}"`);
    }
    const values = Object.entries(texts).filter(([, text]) => text[key] !== undefined);
    if (new Set(values.map(([, text]) => placeholders(text[key]))).size > 1) {
      found.push(`the placeholders of "${key}" differ between languages`);
    }
    const equal = (allowed[key] ?? []).join(" ");
    for (const [a, one] of values) {
      for (const [b, other] of values) {
        if (a < b && one[key] === other[key] && !(equal.includes(a) && equal.includes(b))) {
          found.push(`"${key}" is the same in ${a} and ${b} ("${one[key]}"): translate it, or list it in same-on-purpose.json`);
        }
      }
    }
  }
  for (const key of Object.keys(allowed)) if (!keys.has(key)) found.push(`same-on-purpose.json names "${key}", which no language has`);
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = problems(texts, allowed);
  for (const line of found) console.error(`locales: ${line}`);
  if (found.length > 0) process.exit(1);
  console.log(`locales: ${Object.keys(texts.en).length} texts in ${languages.join(", ")}, complete`);
}

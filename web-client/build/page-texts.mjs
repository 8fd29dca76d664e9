// Which texts a page can show, read off its bundle. Refuses to guess: a key is written whole in the source, or as a template whose beginning is.
import { readFileSync } from "node:fs";

/** An esbuild plugin that takes out of each language what `script`, a bundle without languages, never names. */
export function textsOf(script) {
  return {
    name: "texts of this page",
    setup(build) {
      build.onLoad({ filter: /\/locales\/(en|fr|de|lb)\.json$/ }, ({ path }) => {
        const all = JSON.parse(readFileSync(path, "utf8"));
        const kept = keysIn(script, Object.keys(all));
        return { loader: "json", contents: JSON.stringify(Object.fromEntries(kept.map((key) => [key, all[key]]))) };
      });
    },
  };
}

/** Those of `keys` that `script` can ask for: "name", "name" of a counted text (name.one, name.other), `beginning${…}`. */
export function keysIn(script, keys) {
  const literals = new Set([...script.matchAll(/(["'`])([\w.-]+)\1/g)].map((match) => match[2]));
  const beginnings = [...script.matchAll(/`([\w-]+[._][\w.-]*)\$\{/g)].map((match) => match[1]);
  return keys.filter((key) => literals.has(key) || literals.has(key.replace(/\.(one|other)$/, "")) || beginnings.some((beginning) => key.startsWith(beginning)));
}

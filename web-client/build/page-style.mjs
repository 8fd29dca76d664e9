// Whether a page brings the style of the classes that it uses. Knows only classes written out in the source.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = join(typeof __ROOT__ === "string" ? __ROOT__ : join(dirname(fileURLToPath(import.meta.url)), ".."), "src", "styles");
const sheets = readdirSync(folder).filter((name) => name.endsWith(".css")).map((name) => ({ name, classes: classesOf(readFileSync(join(folder, name), "utf8")) }));

/** `[class, sheet]` for each class of `script` that some sheet dresses and `style` does not. */
export function missingStyle(script, style) {
  const here = classesOf(style);
  const used = new Set([...script.matchAll(/\bclass:(?:[^,{}"`]*\?)?(?:"([^"]*)"|`([^`]*)`)/g)].flatMap((match) => (match[1] ?? match[2]).replace(/\$\{[^}]*\}/g, " ").split(/[^\w-]+/)));
  return [...used].filter((name) => name !== "" && !here.has(name)).flatMap((name) => sheets.filter((sheet) => sheet.classes.has(name)).map((sheet) => [name, sheet.name]));
}

function classesOf(css) {
  const selectors = css.replace(/\/\*[\s\S]*?\*\//g, "").match(/[^{}]+(?=\{)/g) ?? [];
  return new Set(selectors.flatMap((selector) => [...selector.matchAll(/\.(-?[_a-zA-Z][\w-]*)/g)].map((match) => match[1])));
}

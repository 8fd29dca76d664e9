// Bundles tests/*.test.ts one by one and runs them with node:test.
import { build } from "esbuild";
import { readdirSync, rmSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const out = join(root, "node_modules", ".tests");
rmSync(out, { recursive: true, force: true });
const tests = readdirSync(join(root, "tests")).filter((name) => name.endsWith(".test.ts"));
await build({
  absWorkingDir: root,
  entryPoints: tests.map((name) => join("tests", name)),
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node18",
  sourcemap: "inline",
  define: { __ROOT__: JSON.stringify(root) },
  logLevel: "warning",
});
const run = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...tests.map((name) => join(out, name.replace(/\.ts$/, ".mjs")))], { stdio: "inherit", cwd: root });
process.exit(run.status ?? 1);

// Runs tests/*.test.ts: bundled by esbuild, then by Node's own test runner.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { CONSOLE } from "./sources.mjs";

const out = mkdtempSync(join(tmpdir(), "psg-console-"));
try {
  await build({
    absWorkingDir: CONSOLE,
    entryPoints: readdirSync(join(CONSOLE, "tests")).filter((name) => name.endsWith(".test.ts")).map((name) => `tests/${name}`),
    outdir: out,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: ["node20"],
    jsx: "automatic",
    loader: { ".cypher": "text" },
    logLevel: "warning",
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  const files = readdirSync(out).map((name) => join(out, name));
  const { status } = spawnSync(process.execPath, ["--test", "--test-reporter=spec", ...files], { stdio: "inherit" });
  process.exitCode = status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}

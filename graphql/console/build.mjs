// Builds the console into graphql/psg_graphql/console: the same sources give the same bytes, names carry a hash.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, relative, sep } from "node:path";
import { build } from "esbuild";
import { BUILT, CONSOLE, sha256, sourceHash } from "./sources.mjs";

const OUT = process.env.CONSOLE_OUT ? join(process.cwd(), process.env.CONSOLE_OUT) : BUILT;
const ENTRIES = { console: "src/main.tsx", graphiql: "src/graphiql/main.tsx" };

const entryPoints = Object.fromEntries(
  Object.entries(ENTRIES).filter(([, file]) => existsSync(join(CONSOLE, file))),
);

rmSync(OUT, { recursive: true, force: true });
mkdirSync(join(OUT, "assets"), { recursive: true });

const result = await build({
  absWorkingDir: CONSOLE,
  entryPoints,
  outdir: join(OUT, "assets"),
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["es2022"],
  jsx: "automatic",
  minify: true,
  legalComments: "none",
  charset: "utf8",
  loader: { ".cypher": "text", ".woff": "empty", ".woff2": "empty", ".ttf": "empty" },
  define: { "process.env.NODE_ENV": '"production"' },
  metafile: true,
  logLevel: "warning",
});

const entries = {};
for (const [file, output] of Object.entries(result.metafile.outputs)) {
  if (!output.entryPoint) continue;
  const name = Object.keys(entryPoints).find((key) => entryPoints[key] === output.entryPoint);
  if (!name) continue;
  entries[name] = { js: `assets/${basename(file)}` };
  if (output.cssBundle) entries[name].css = `assets/${basename(output.cssBundle)}`;
}

const page = readFileSync(join(CONSOLE, "index.html"), "utf8");
for (const [name, entry] of Object.entries(entries)) {
  const file = name === "console" ? "index.html" : `${name}.html`;
  writeFileSync(join(OUT, file), page.replace("%SCRIPT%", `/console/${entry.js}`).replace("%STYLE%", `/console/${entry.css ?? ""}`));
}

/** The licences of what was bundled, each package once. */
function licences() {
  const packages = new Set();
  for (const input of Object.keys(result.metafile.inputs)) {
    const found = input.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)\//);
    if (found) packages.add(found[1]);
  }
  return [...packages].sort().map((name) => {
    const folder = join(CONSOLE, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^(licen[sc]e|copying)(\.|$)/i.test(entry));
    const text = file ? readFileSync(join(folder, file), "utf8").trim() : "";
    return `${name} ${version} (${license})\n\n${text}\n`.replace(/[ \t\r]+$/gm, "");
  }).join(`\n${"-".repeat(80)}\n\n`);
}
writeFileSync(join(OUT, "LICENSES.txt"), licences());

/** The operations of the console, for servers that take trusted documents only. */
function trustedDocuments() {
  const text = readFileSync(join(CONSOLE, "src", "generated", "operations.ts"), "utf8");
  const found = [...text.matchAll(/^  id: ("sha256:[0-9a-f]{64}"),\n  text: (".*"),$/gm)];
  return Object.fromEntries(found.map(([, id, body]) => [JSON.parse(id), JSON.parse(body)]).sort());
}
writeFileSync(join(OUT, "documents.json"), JSON.stringify(trustedDocuments(), null, 1) + "\n");

function builtFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? builtFiles(path) : [relative(OUT, path).split(sep).join("/")];
  });
}
const files = Object.fromEntries(builtFiles(OUT).sort().map((name) => [name, sha256(readFileSync(join(OUT, name)))]));
writeFileSync(join(OUT, "manifest.json"), JSON.stringify({ sources: sourceHash(), entries, files }, null, 1) + "\n");
const total = Object.keys(files).reduce((sum, name) => sum + readFileSync(join(OUT, name)).length, 0);
console.log(`console: ${Object.keys(files).length} files, ${Math.round(total / 1024)} KiB`);

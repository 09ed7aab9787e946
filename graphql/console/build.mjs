// Builds the console into graphql/psg_graphql/console: the same sources give the same bytes, names carry a hash.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, relative, sep } from "node:path";
import { build } from "esbuild";
import { BUILT, CONSOLE, sha256, sourceHash } from "./sources.mjs";

const TARGET = process.env.CONSOLE_OUT ? join(process.cwd(), process.env.CONSOLE_OUT) : BUILT;
const OUT = join(CONSOLE, `.built-${process.pid}`); // takes the target's place when it is whole
// The query page is built by itself: its large parts keep their name while only the console changes.
const PAGES = {
  console: { page: "index.html", entries: { console: "src/main.tsx" } },
  graphiql: { page: "src/graphiql/page.html", entries: { graphiql: "src/graphiql/main.tsx", parts: "src/graphiql/parts.ts" } },
};

rmSync(OUT, { recursive: true, force: true });
mkdirSync(join(OUT, "assets"), { recursive: true });

/** GraphiQL brings fonts inside its style sheet; the pages here use those of the system. */
const systemFonts = {
  name: "system-fonts",
  setup({ onLoad }) {
    onLoad({ filter: /node_modules[\\/]graphiql[\\/].*\.css$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replace(/@font-face\s*\{[^}]*\}/g, ""),
      loader: "css",
    }));
  },
};

const bundle = (entryPoints) => build({
  absWorkingDir: CONSOLE,
  entryPoints,
  plugins: [systemFonts],
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

const inputs = new Set();
const entries = {};
for (const [name, { page, entries: entryPoints }] of Object.entries(PAGES)) {
  const { metafile } = await bundle(entryPoints);
  for (const input of Object.keys(metafile.inputs)) inputs.add(input);
  const [file, output] = Object.entries(metafile.outputs).find(([, found]) => found.entryPoint === entryPoints[name]);
  entries[name] = { js: `assets/${basename(file)}`, css: `assets/${basename(output.cssBundle)}` };
  const text = readFileSync(join(CONSOLE, page), "utf8");
  const filled = text.replace("%SCRIPT%", `/console/${entries[name].js}`).replace("%STYLE%", `/console/${entries[name].css}`);
  writeFileSync(join(OUT, name === "console" ? "index.html" : `${name}.html`), filled);
}

/** The licences of what was bundled, each package once. */
function licences() {
  const packages = new Set();
  for (const input of inputs) {
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
rmSync(TARGET, { recursive: true, force: true });
cpSync(OUT, TARGET, { recursive: true }); // not renamed: it may be on another disk
rmSync(OUT, { recursive: true });
console.log(`console: ${Object.keys(files).length} files, ${Math.round(total / 1024)} KiB`);

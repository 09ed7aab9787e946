// What the built console is made of, and one hash over it: the build writes it down, a test compares it.
// The schema is not in it: what depends on it is in src/generated, which is.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const CONSOLE = dirname(fileURLToPath(import.meta.url));
export const ROOT = join(CONSOLE, "..", "..");
export const BUILT = join(ROOT, "graphql", "psg_graphql", "console");

const SINGLE = [
  "graphql/console/package.json",
  "graphql/console/package-lock.json",
  "graphql/console/tsconfig.json",
  "graphql/console/build.mjs",
  "graphql/console/codegen.mjs",
  "graphql/console/sources.mjs",
  "graphql/console/index.html",
];
const FOLDERS = ["graphql/console/src", "cypher/psg_cypher/browser"];

export function sha256(data) {
  return createHash("sha256").update(data).digest("hex");
}

function walk(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? walk(path) : [path];
  });
}

/** Names (with `/`, from the repository's root) of all files that the build reads, sorted. */
export function sourceFiles() {
  const found = FOLDERS.flatMap((folder) => walk(join(ROOT, folder)))
    .map((path) => relative(ROOT, path).split(sep).join("/"))
    .filter((name) => /\.(tsx?|css|graphql|html|cypher|svg)$/.test(name) && !name.endsWith(".d.ts"));
  return [...SINGLE, ...found].sort((a, b) => (a < b ? -1 : 1));
}

/** SHA-256 over the lines `name NUL sha256(content) LF` of all source files in order. */
export function sourceHash() {
  return sha256(sourceFiles().map((name) => `${name}\0${sha256(readFileSync(join(ROOT, name)))}\n`).join(""));
}

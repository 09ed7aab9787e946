import { store } from "./store";

/** What the server tells everybody about itself at /console/config.json. */
export interface Config {
  readonly version: string;
  /** Ways to sign in: none, token, oidc. */
  readonly auth: readonly string[];
  /** Whether operations are sent by their hash: off, prefer, only. */
  readonly documents: string;
  /** Address of Neo4j Browser's server, without /browser. */
  readonly browser: string | null;
  /** Whether /graphiql is served. */
  readonly ide: boolean;
  readonly docs: Readonly<Record<string, string>>;
}

const UNKNOWN: Config = { version: "", auth: [], documents: "off", browser: null, ide: true, docs: {} };

export const config = store<Config>(UNKNOWN);

function texts(value: unknown): string[] {
  if (typeof value === "string") return value.split(",").map((part) => part.trim());
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** Take what is there of the right kind; the rest stays as it is without configuration. */
export function parseConfig(value: unknown): Config {
  if (typeof value !== "object" || value === null) return UNKNOWN;
  const given = value as Record<string, unknown>;
  const docs = typeof given["docs"] === "object" && given["docs"] !== null ? Object.entries(given["docs"]) : [];
  return {
    version: typeof given["version"] === "string" ? given["version"] : UNKNOWN.version,
    auth: texts(given["auth"]),
    documents: typeof given["documents"] === "string" ? given["documents"] : UNKNOWN.documents,
    browser: typeof given["browser"] === "string" ? given["browser"] : null,
    ide: given["ide"] !== false,
    docs: Object.fromEntries(docs.filter((entry): entry is [string, string] => typeof entry[1] === "string")),
  };
}

export async function loadConfig(): Promise<void> {
  try {
    const answer = await fetch("/console/config.json", { headers: { accept: "application/json" } });
    if (answer.ok) config.set(parseConfig(await answer.json()));
  } catch {
    // the console works without it; that the API is away is told by its requests
  }
}

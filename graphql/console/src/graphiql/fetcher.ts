import { credentials, session, tokenRefused } from "../api/session";
import { createClient, getOperationAST, parse } from "./parts";

interface Params {
  query: string;
  operationName?: string | null;
  variables?: unknown;
}

interface Options {
  headers?: Record<string, string>;
}

const socket = createClient({
  url: () => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`,
  connectionParams: () => credentials(),
  lazy: true,
  retryAttempts: 3,
});

async function post(params: Params, headers: Record<string, string> | undefined): Promise<unknown> {
  const { authorization, actor } = credentials();
  const used = session.get().token;
  const response = await fetch("/graphql", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/graphql-response+json, application/json;q=0.9",
      ...(authorization ? { authorization } : {}),
      ...(actor ? { "x-psg-actor": encodeURIComponent(actor) } : {}),
      ...headers,
    },
    body: JSON.stringify(params),
    credentials: "omit",
    cache: "no-store",
  });
  if (response.status === 401) tokenRefused(used, "The API refused this token");
  return response.json();
}

/** Whether it is a subscription; a text that cannot be parsed is for the server to judge. */
function subscribes({ query, operationName }: Params): boolean {
  try {
    return getOperationAST(parse(query), operationName)?.operation === "subscription";
  } catch {
    return false;
  }
}

/** How the query page asks: by POST, and subscriptions by WebSocket; as whoever signed in, in the console or here. */
export function fetcher(params: Params, options?: Options): Promise<unknown> | AsyncIterable<unknown> {
  if (!subscribes(params)) return post(params, options?.headers);
  return socket.iterate({
    query: params.query,
    operationName: params.operationName ?? null,
    variables: params.variables as Record<string, unknown>,
  });
}

/** Have the next subscription connect as who is signed in now. */
export function reconnect(): void {
  socket.terminate();
}

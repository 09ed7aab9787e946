import { config } from "./config";
import { lost, reached } from "./connection";
import { ApiError, firstError, Unauthenticated, Unreachable } from "./errors";
import type { Operation } from "./operation";
import { credentials, session, tokenRefused } from "./session";

const ACCEPT = "application/graphql-response+json, application/json;q=0.9";

interface Answer {
  data?: unknown;
  errors?: { message?: unknown; extensions?: { code?: unknown } }[];
}

/** The body of a request: by hash where the server knows the console's operations, else with the text. */
export function requestBody<V>(operation: Operation<unknown, V>, variables: V, byHash: boolean): Record<string, unknown> {
  const what = byHash ? { documentId: operation.id } : { query: operation.text };
  return { ...what, operationName: operation.name, variables };
}

async function post(body: unknown, signal: AbortSignal | undefined): Promise<{ status: number; answer: Answer }> {
  const { authorization, actor } = credentials();
  const headers: Record<string, string> = { "content-type": "application/json", accept: ACCEPT };
  if (authorization) headers["authorization"] = authorization;
  if (actor) headers["x-psg-actor"] = actor;
  let response: Response;
  try {
    response = await fetch("/graphql", {
      method: "POST", headers, body: JSON.stringify(body), signal: signal ?? null, cache: "no-store",
      credentials: "omit", redirect: "error", referrerPolicy: "no-referrer",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    lost();
    throw new Unreachable("The API does not answer");
  }
  try {
    const answer = (await response.json()) as Answer;
    reached();
    return { status: response.status, answer };
  } catch (error) {
    if (signal?.aborted) throw error;
    if (response.status === 401) return { status: 401, answer: {} };
    lost();
    throw new Unreachable(`The API gave no readable answer (status ${response.status})`);
  }
}

/**
 * Execute a query or a mutation. Raises `Unauthenticated` (and has the token asked for), `Unreachable` (and has the
 * connection watched) or `ApiError`; a mutation that is refused by a rule answers with the type of its refusal.
 */
export async function request<D, V>(operation: Operation<D, V>, variables: V, signal?: AbortSignal): Promise<D> {
  const { token: used, needed } = session.get();
  if (needed) throw new Unauthenticated("Sign in first"); // whoever asks is asked anew once somebody has
  const byHash = config.get().documents === "only" || config.get().documents === "prefer";
  let { status, answer } = await post(requestBody(operation, variables, byHash), signal);
  const code = answer.errors?.[0]?.extensions?.code;
  if (byHash && code === "document_unknown" && config.get().documents === "prefer") {
    ({ status, answer } = await post(requestBody(operation, variables, false), signal));
  }
  if (status === 401) {
    const reason = answer.errors?.[0]?.message;
    const error = new Unauthenticated(typeof reason === "string" ? reason : "A token is needed");
    tokenRefused(used, error.message);
    throw error;
  }
  if (answer.errors && answer.errors.length > 0) {
    const error = firstError(answer.errors);
    if (error instanceof Unauthenticated) tokenRefused(used, error.message);
    throw error;
  }
  if (answer.data === undefined || answer.data === null) throw new ApiError("The API gave no data", "error", true);
  return answer.data as D;
}

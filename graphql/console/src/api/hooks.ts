import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { request } from "./client";
import { connection } from "./connection";
import { asError, Unauthenticated, type ApiError } from "./errors";
import type { Operation } from "./operation";
import { session } from "./session";
import { live } from "./socket";
import { useStore } from "./store";

export interface Query<D> {
  /** The last answer; it stays while a newer one is asked for, and while the API is away. */
  readonly data: D | null;
  readonly error: ApiError | null;
  readonly loading: boolean;
  reload(): void;
}

interface Asked<D> {
  /** What asked. */
  of: unknown;
  data: D | null;
  error: ApiError | null;
  loading: boolean;
}

/**
 * Ask, and ask again when variables change, when the API or the session comes back, and every `everyMs` while the page
 * is seen. With `variables` null nothing is asked.
 */
export function useQuery<D, V>(operation: Operation<D, V>, variables: V | null, everyMs = 0): Query<D> {
  const key = variables === null ? "" : JSON.stringify([operation.name, variables]);
  const read = useMemo(
    () => (key === "" ? null : (signal: AbortSignal) => request(operation, (JSON.parse(key) as [string, V])[1], signal)),
    [operation, key],
  );
  return useAnswer(read, everyMs);
}

/** As `useQuery`, for an answer that takes several requests; `read` has to be the same as long as it asks the same. */
export function useAnswer<D>(read: ((signal: AbortSignal) => Promise<D>) | null, everyMs = 0): Query<D> {
  const { returns } = useStore(connection);
  const { token, actor, needed } = useStore(session);
  const [version, setVersion] = useState(0);
  const [asked, setAsked] = useState<Asked<D>>({ of: null, data: null, error: null, loading: true });

  useEffect(() => {
    if (read === null || needed) return;
    const controller = new AbortController();
    setAsked((was) => ({ ...(was.of === read ? was : { data: null, error: null }), of: read, loading: true }));
    read(controller.signal).then(
      (data) => controller.signal.aborted || setAsked({ of: read, data, error: null, loading: false }),
      (thrown: unknown) => {
        if (controller.signal.aborted) return;
        setAsked((was) => ({ of: read, data: was.of === read ? was.data : null, error: asError(thrown), loading: false }));
      },
    );
    return () => controller.abort();
  }, [read, version, returns, token, actor, needed]);

  const reload = useCallback(() => setVersion((n) => n + 1), []);
  const slow = useRef(asked.loading);
  slow.current = asked.loading;
  // Where the API is slower than the interval, the answer is waited for: asked anew each time there would never be one.
  useInterval(() => slow.current || reload(), read === null ? 0 : everyMs);
  return useMemo(() => {
    const present = asked.of === read;
    return { data: present ? asked.data : null, error: present ? asked.error : null, loading: !present || asked.loading, reload };
  }, [asked, read, reload]);
}

/** Call at an interval while the page is visible, and when it becomes visible again. */
export function useInterval(call: () => void, everyMs: number): void {
  const latest = useRef(call);
  latest.current = call;
  useEffect(() => {
    if (everyMs <= 0) return;
    const tick = (): void => {
      if (document.visibilityState === "visible") latest.current();
    };
    const timer = setInterval(tick, everyMs);
    document.addEventListener("visibilitychange", tick);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", tick);
    };
  }, [everyMs]);
}

export interface Refusal {
  readonly __typename: string;
  readonly code: string;
  readonly message: string;
}

export interface Mutation<V> {
  readonly busy: boolean;
  /** The refusal or failure of the last call. */
  readonly problem: string | null;
  /** Send it; true when it had its effect. The command id makes a repetition of the same call harmless. */
  run(variables: V): Promise<boolean>;
  clear(): void;
}

function isRefusal(value: unknown): value is Refusal {
  return typeof value === "object" && value !== null && "code" in value && "message" in value;
}

/** Send a command; a refusal by a rule is a problem like any other here. */
export function useMutation<D extends Record<string, unknown>, V>(operation: Operation<D, V>): Mutation<V> {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const run = useCallback(
    async (variables: V): Promise<boolean> => {
      setBusy(true);
      setProblem(null);
      try {
        const data = await request(operation, variables);
        const refusal = Object.values(data).find(isRefusal);
        if (refusal) setProblem(refusal.message);
        return refusal === undefined;
      } catch (thrown) {
        const error = asError(thrown);
        if (!(error instanceof Unauthenticated)) setProblem(error.message);
        return false;
      } finally {
        setBusy(false);
      }
    },
    [operation],
  );
  const clear = useCallback(() => setProblem(null), []);
  return { busy, problem, run, clear };
}

/** The id of a new command. Outside a secure context browsers have no randomUUID. */
export function commandId(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

export type LiveState = "off" | "connecting" | "live" | "interrupted" | "ended";

export interface LiveOptions<D> {
  /** Every item, in order. */
  onItem(data: D): void;
  /** The server refused to go on, or refused the cursor. */
  onError?(error: ApiError): void;
  /** Where to begin; absent: where the operation begins. */
  after?: string | null;
  /** A change of it ends the subscription and begins anew. */
  generation?: number;
}

interface Item {
  __typename?: string;
  cursor?: string;
}

/**
 * Follow a subscription. Its items carry cursors: after a break, or when the server closes it, it goes on behind the last
 * one, so that nothing is missed and nothing comes twice. With `variables` null nothing is followed.
 */
export function useLive<D extends Record<string, unknown>, V extends { after?: string | null }>(
  operation: Operation<D, V>,
  variables: V | null,
  options: LiveOptions<D>,
): LiveState {
  const [state, setState] = useState<LiveState>("off");
  const handlers = useRef(options);
  handlers.current = options;
  const given = useRef(variables);
  given.current = variables;
  const key = variables === null ? "" : JSON.stringify(variables);
  const generation = options.generation ?? 0;

  useEffect(() => {
    if (given.current === null) {
      setState("off");
      return;
    }
    const base = given.current;
    let cursor = handlers.current.after ?? base.after ?? null;
    let stopped = false;
    let stop: () => void = () => undefined;
    const begin = (): void => {
      setState("connecting");
      stop = live.subscribe(operation, () => (cursor === null ? base : { ...base, after: cursor }), {
        next: (data) => {
          const item = Object.values(data)[0] as Item;
          if (item?.__typename !== "CursorExpired" && typeof item?.cursor === "string") cursor = item.cursor;
          closing = item?.__typename === "Closing";
          setState("live");
          handlers.current.onItem(data);
        },
        interrupted: () => setState("interrupted"),
        error: (error) => {
          setState("ended");
          handlers.current.onError?.(error);
        },
        complete: () => {
          if (closing && !stopped) setTimeout(() => !stopped && begin(), 500);
          else setState("ended");
        },
      });
    };
    let closing = false;
    begin();
    return () => {
      stopped = true;
      stop();
    };
  }, [operation, key, generation]);
  return state;
}

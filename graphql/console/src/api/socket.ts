import { backoff, lost, reached } from "./connection";
import { requestBody } from "./client";
import { config } from "./config";
import { asError, firstError, Unauthenticated, type ApiError } from "./errors";
import type { Operation } from "./operation";
import { credentials, session, tokenRefused } from "./session";

/** Silence after which a connection counts as lost; the server says something at least every 15 s. */
const SILENCE_MS = 40_000;

export interface Listener<D> {
  next(data: D): void;
  error(error: ApiError): void;
  complete(): void;
  /** The connection was lost; it is tried again from the last cursor. */
  interrupted?(): void;
}

interface Running {
  readonly operation: Operation<unknown, unknown>;
  /** Variables at the moment of (re)subscribing: they carry the last cursor. */
  readonly variables: () => unknown;
  readonly listener: Listener<unknown>;
}

interface Message {
  type?: string;
  id?: string;
  payload?: unknown;
}

/** One connection of graphql-transport-ws for all subscriptions; made when there is one, closed with the last. */
export class Socket {
  private socket: WebSocket | null = null;
  private acknowledged = false;
  private readonly running = new Map<string, Running>();
  private counter = 0;
  private attempt = 0;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private silence: ReturnType<typeof setTimeout> | null = null;
  private token: string | null = null;

  constructor(private readonly address: () => string) {}

  /** Subscribe; returns how to stop. After a break `variables` is asked again, so that it goes on behind its cursor. */
  subscribe<D, V>(operation: Operation<D, V>, variables: () => V, listener: Listener<D>): () => void {
    const id = String(++this.counter);
    this.running.set(id, { operation, variables, listener: listener as Listener<unknown> } as Running);
    if (this.acknowledged) this.start(id);
    else this.connect();
    return () => this.stop(id);
  }

  /** Close and connect anew, as another user or after a sleep of the machine. */
  reconnect(): void {
    this.attempt = 0;
    this.drop();
    if (this.running.size > 0) this.connect();
  }

  private connect(): void {
    if (this.socket !== null || session.get().needed) return;
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = null;
    this.token = session.get().token;
    const socket = new WebSocket(this.address(), "graphql-transport-ws");
    this.socket = socket;
    this.watch();
    socket.onopen = () => this.send({ type: "connection_init", payload: credentials() });
    socket.onmessage = (event) => {
      if (this.socket === socket) this.receive(String(event.data));
    };
    socket.onclose = (event) => {
      if (this.socket === socket) this.closed(event.code, event.reason);
    };
  }

  private receive(text: string): void {
    this.watch();
    const message = JSON.parse(text) as Message;
    if (message.type === "ping") this.send({ type: "pong" });
    else if (message.type === "connection_ack") {
      this.acknowledged = true;
      this.attempt = 0;
      reached();
      for (const id of this.running.keys()) this.start(id);
    } else if (message.id !== undefined) this.dispatch(message.id, message);
  }

  private dispatch(id: string, message: Message): void {
    const found = this.running.get(id);
    if (!found) return;
    if (message.type === "next") {
      const payload = message.payload as { data?: unknown; errors?: [] };
      if (payload.errors && payload.errors.length > 0) this.fail(id, found, firstError(payload.errors));
      else found.listener.next(payload.data);
    } else if (message.type === "error") {
      this.fail(id, found, firstError(Array.isArray(message.payload) ? message.payload : []));
    } else if (message.type === "complete") {
      this.running.delete(id);
      found.listener.complete();
      this.closeUnused();
    }
  }

  private fail(id: string, found: Running, error: ApiError): void {
    if (error instanceof Unauthenticated) {
      tokenRefused(this.token, error.message);
      if (session.get().needed) this.rest(); // it goes on with the next token
      else this.reconnect();
      return;
    }
    this.stop(id);
    found.listener.error(error);
  }

  private start(id: string): void {
    const found = this.running.get(id);
    if (!found) return;
    const byHash = config.get().documents === "only";
    try {
      this.send({ id, type: "subscribe", payload: requestBody(found.operation, found.variables(), byHash) });
    } catch (error) {
      found.listener.error(asError(error));
    }
  }

  private stop(id: string): void {
    if (this.running.delete(id) && this.acknowledged) this.send({ id, type: "complete" });
    this.closeUnused();
  }

  /** Close the connection and wait, with all subscriptions kept, for `reconnect`. */
  rest(): void {
    this.drop();
  }

  private closeUnused(): void {
    if (this.running.size === 0) this.drop();
  }

  private closed(code: number, reason: string): void {
    this.drop();
    if (this.running.size === 0) return;
    if (code === 4401 || code === 4403) {
      tokenRefused(this.token, reason && reason !== "Forbidden" ? reason : "The token was refused");
      return; // goes on with the next token: see the end of this file
    }
    for (const { listener } of this.running.values()) listener.interrupted?.();
    if (code !== 1000 && code !== 1001 && code !== 1012) lost();
    this.retry = setTimeout(() => this.connect(), backoff(this.attempt++));
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    this.acknowledged = false;
    if (this.silence !== null) clearTimeout(this.silence);
    if (this.retry !== null) clearTimeout(this.retry);
    this.silence = this.retry = null;
    if (socket && socket.readyState <= WebSocket.OPEN) socket.close(1000);
  }

  private watch(): void {
    if (this.silence !== null) clearTimeout(this.silence);
    this.silence = setTimeout(() => this.closed(4408, "silence"), SILENCE_MS);
  }

  private send(message: Message): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}

export const live = new Socket(() => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`);

let identity = JSON.stringify(credentials());
let asked = session.get().needed;
session.follow(() => {
  const now = JSON.stringify(credentials());
  const { needed } = session.get();
  if (needed) live.rest();
  else if (now !== identity || asked) live.reconnect();
  [identity, asked] = [now, needed];
});

import { store } from "./store";

/** Who uses the console: the token is kept for this tab only and ends with it. */
export interface Session {
  readonly token: string | null;
  /** Name under which commands are recorded, where the API does not know it from the token. */
  readonly actor: string | null;
  /** The API asked for a token, or refused the present one. */
  readonly needed: boolean;
  readonly reason: string | null;
}

const TOKEN = "psg.token";
const ACTOR = "psg.actor";

function read(key: string): string | null {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null; // storage can be forbidden; the session then lasts as long as the page
  }
}

function write(key: string, value: string | null): void {
  try {
    if (value === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, value);
  } catch {
    // see above
  }
}

export const session = store<Session>({ token: read(TOKEN), actor: read(ACTOR), needed: false, reason: null });

export function signIn(given: string): void {
  // A header holds no other characters; with one of them no request could be sent at all.
  const token = given.replace(/[^\x21-\x7e]/g, "");
  write(TOKEN, token);
  session.set({ ...session.get(), token, needed: false, reason: null });
}

/** Forget the token, and with the page everything that was read with it. */
export function signOut(): void {
  write(TOKEN, null);
  session.set({ ...session.get(), token: null, needed: true, reason: null });
  location.reload();
}

/** Ask for a token before anything is sent without one, where the server says that it wants one. */
export function askFirst(ways: readonly string[]): void {
  const now = session.get();
  if (now.token === null && ways.length > 0 && !ways.includes("none")) session.set({ ...now, needed: true });
}

/** Ask for a token; a request that was sent with an older token than the present one changes nothing. */
export function tokenRefused(used: string | null, reason: string): void {
  if (session.get().token === used) session.set({ ...session.get(), needed: true, reason: used === null ? null : reason });
}

export function actAs(actor: string | null): void {
  // a header holds no other characters
  const name = actor?.replace(/[^\x20-\x7e]/g, "").trim() || null;
  write(ACTOR, name);
  session.set({ ...session.get(), actor: name });
}

/** Headers, or parameters of a connection, that say who asks. */
export function credentials(): { authorization?: string; actor?: string } {
  const { token, actor } = session.get();
  return { ...(token ? { authorization: `Bearer ${token}` } : {}), ...(actor ? { actor } : {}) };
}

import type { LogEventFragment } from "../../generated/operations";

/** So many events are kept on the page; older ones are asked for again when they are wanted. */
export const KEPT = 2_000;
/** Events of one page of the API. */
export const PAGE = 100;

export interface Log {
  /** In the order of their numbers, each once. */
  readonly events: readonly LogEventFragment[];
  /** Behind this number nothing older was read yet. */
  readonly from: number;
}

export const NOTHING: Log = { events: [], from: 0 };

/** Add newer events behind the present ones; what came twice is kept once, and the oldest leave when there are many. */
export function append(log: Log, more: readonly LogEventFragment[]): Log {
  const last = log.events[log.events.length - 1]?.seq ?? -1;
  const fresh = more.filter((event) => event.seq > last);
  if (fresh.length === 0) return log;
  const all = [...log.events, ...fresh];
  if (all.length <= KEPT) return { ...log, events: all };
  const events = all.slice(all.length - KEPT);
  return { events, from: events[0]!.seq - 1 };
}

/** Put older events, read from behind `from`, before the present ones. */
export function prepend(log: Log, older: readonly LogEventFragment[], from: number): Log {
  const first = log.events[0]?.seq ?? Number.MAX_SAFE_INTEGER;
  return { events: [...older.filter((event) => event.seq < first), ...log.events], from };
}

/** Whether a text is in what is shown of an event; all words of it have to be. */
export function matches(event: LogEventFragment, words: readonly string[], entity: string): boolean {
  if (entity && event.entityType !== entity) return false;
  if (words.length === 0) return true;
  const text = [event.type, event.entityType, event.entityId, event.actor, event.fromStatus, event.toStatus, event.correlationId,
    event.commandId, event.seq].join("\n").toLowerCase();
  return words.every((word) => text.includes(word));
}

export function wordsOf(text: string): string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

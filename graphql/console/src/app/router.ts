import { useMemo } from "react";
import { store, useStore } from "../api/store";

/** The address without its origin: path and query. */
const place = store(typeof location === "undefined" ? "/" : location.pathname + location.search);

export function navigate(to: string, replace = false): void {
  if (to === place.get()) return;
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  place.set(location.pathname + location.search);
}

if (typeof window !== "undefined") {
  window.addEventListener("popstate", () => place.set(location.pathname + location.search));
}

export interface Place {
  readonly path: string;
  readonly query: URLSearchParams;
}

export function usePlace(): Place {
  const now = useStore(place);
  return useMemo(() => {
    const at = now.indexOf("?");
    return at < 0
      ? { path: now, query: new URLSearchParams() }
      : { path: now.slice(0, at), query: new URLSearchParams(now.slice(at)) };
  }, [now]);
}

/** The present place with some query parameters changed; null removes one. */
export function withQuery(changes: Record<string, string | null>): string {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  return location.pathname + (text ? `?${text}` : "");
}

/** Match `/projects/:project/plans`: the parameters, or null. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/").filter(Boolean);
  const given = path.split("/").filter(Boolean);
  if (wanted.length !== given.length) return null;
  const found: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const value = given[i]!;
    if (!part.startsWith(":")) {
      if (part !== value) return null;
      continue;
    }
    try {
      found[part.slice(1)] = decodeURIComponent(value);
    } catch {
      return null;
    }
  }
  return found;
}

/** An address of a pattern with its parameters filled in. */
export function pathTo(pattern: string, params: Record<string, string>): string {
  return pattern.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
}

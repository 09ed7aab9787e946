import { lazy, type ComponentType } from "react";

export interface ViewProps {
  /** Parameters of the route's pattern, decoded. */
  readonly params: Readonly<Record<string, string>>;
}

export interface Route {
  /** `/projects/:project/plans`; parameters are what stands between two slashes. */
  readonly pattern: string;
  readonly view: ComponentType<ViewProps>;
  readonly title: string;
  /** Entry in the navigation: those of a project are there when one is chosen. `keys` as in shortcuts. */
  readonly nav?: { readonly group: "project" | "platform"; readonly keys: string };
}

type Loader = () => Promise<{ default: ComponentType<ViewProps> }>;
const view = (load: Loader): ComponentType<ViewProps> => lazy(load);

/** All views: one line each. They are loaded when they are opened. */
export const ROUTES: readonly Route[] = [
  { pattern: "/", title: "Projects", view: view(() => import("../views/projects")) },
  {
    pattern: "/projects/:project", title: "Plans", view: view(() => import("../views/plans")),
    nav: { group: "project", keys: "g p" },
  },
  { pattern: "/projects/:project/plans/:plan", title: "Plan", view: view(() => import("../views/plan/view")) },
  {
    pattern: "/projects/:project/approvals", title: "Approvals", view: view(() => import("../views/approvals")),
    nav: { group: "project", keys: "g a" },
  },
  {
    pattern: "/projects/:project/events", title: "Events", view: view(() => import("../views/events")),
    nav: { group: "project", keys: "g e" },
  },
  {
    pattern: "/projects/:project/sessions", title: "Sessions", view: view(() => import("../views/sessions")),
    nav: { group: "project", keys: "g s" },
  },
  { pattern: "/projects/:project/sessions/:collab", title: "Session", view: view(() => import("../views/session")) },
  {
    pattern: "/projects/:project/budgets", title: "Budgets", view: view(() => import("../views/budgets")),
    nav: { group: "project", keys: "g b" },
  },
  { pattern: "/agents", title: "Agents", view: view(() => import("../views/agents")), nav: { group: "platform", keys: "g o" } },
  {
    pattern: "/resources", title: "Resources", view: view(() => import("../views/resources")),
    nav: { group: "platform", keys: "g r" },
  },
  { pattern: "/health", title: "Health", view: view(() => import("../views/health")), nav: { group: "platform", keys: "g l" } },
  {
    pattern: "/questions", title: "Questions", view: view(() => import("../views/questions")),
    nav: { group: "platform", keys: "g q" },
  },
  { pattern: "/access", title: "Access", view: view(() => import("../views/access")), nav: { group: "platform", keys: "g c" } },
];

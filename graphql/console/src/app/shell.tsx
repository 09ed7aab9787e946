import { Suspense, useEffect, useState, type ReactNode } from "react";
import { config } from "../api/config";
import { connection, probe } from "../api/connection";
import { useQuery } from "../api/hooks";
import { session, signOut } from "../api/session";
import { useStore } from "../api/store";
import { ProjectName } from "../generated/operations";
import { Button, Link } from "../ui/controls";
import { Guard, Loading } from "../ui/states";
import { Line } from "../ui/text";
import { useNow } from "../ui/time";
import { Toasts } from "../ui/toasts";
import { IdentityDialog } from "./identity";
import { HelpDialog } from "./help";
import { match, navigate, pathTo, usePlace } from "./router";
import { ROUTES, type Route } from "./routes";
import { useShortcuts } from "./shortcuts";
import { setTheme, theme, type Theme } from "./theme";

export interface Found {
  readonly route: Route;
  readonly params: Record<string, string>;
}

export function findRoute(path: string): Found | null {
  for (const route of ROUTES) {
    const params = match(route.pattern, path);
    if (params) return { route, params };
  }
  return null;
}

/** The frame of every view: navigation, what the connection does, and the view itself. */
export function Shell() {
  const { path } = usePlace();
  const found = findRoute(path);
  const project = found?.params["project"] ?? null;
  const [help, setHelp] = useState(false);
  const [identity, setIdentity] = useState(false);
  useEffect(() => {
    document.title = `${found?.route.title ?? "Not found"} · PSG`;
    document.getElementById("view")?.focus({ preventScroll: true });
  }, [found?.route]);
  useShortcuts([
    { keys: "?", label: "Show this list", group: "Everywhere", run: () => setHelp(true) },
    { keys: "g h", label: "Go to projects", group: "Everywhere", run: () => navigate("/") },
    { keys: "/", label: "Search", group: "Everywhere", run: focusSearch },
    ...navigable(project).map((route) => ({
      keys: route.nav!.keys, label: `Go to ${route.title.toLowerCase()}`, group: "Everywhere",
      run: () => navigate(pathTo(route.pattern, { project: project ?? "" })),
    })),
  ]);
  return (
    <div className="shell">
      <a className="skip" href="#view">Skip to content</a>
      <Navigation project={project} current={found?.route ?? null} onHelp={() => setHelp(true)} onIdentity={() => setIdentity(true)} />
      <div className="main">
        <ConnectionBanner />
        <main id="view" tabIndex={-1}>
          <Guard name={path}>
            <Suspense fallback={<Loading />}>{found ? <found.route.view key={path} params={found.params} /> : <NotFound />}</Suspense>
          </Guard>
        </main>
      </div>
      {help && <HelpDialog onClose={() => setHelp(false)} />}
      {identity && <IdentityDialog onClose={() => setIdentity(false)} />}
      <Toasts />
    </div>
  );
}

function focusSearch(): void {
  document.querySelector<HTMLInputElement>("input.search")?.focus();
}

function navigable(project: string | null): readonly Route[] {
  return ROUTES.filter((route) => route.nav && (route.nav.group === "platform" || project !== null));
}

function Navigation({ project, current, onHelp, onIdentity }: {
  project: string | null;
  current: Route | null;
  onHelp: () => void;
  onIdentity: () => void;
}) {
  const { token, actor } = useStore(session);
  const { version, ide, auth } = useStore(config);
  const entries = navigable(project);
  const link = (route: Route): ReactNode => (
    <Link
      key={route.pattern} to={pathTo(route.pattern, { project: project ?? "" })}
      current={current === route || (current?.pattern ?? "").startsWith(`${route.pattern}/`) && route.title === "Plans" && current?.title === "Plan"}
    >
      {route.title}
    </Link>
  );
  return (
    <nav className="side" aria-label="Main">
      <Link to="/" className="brand">
        <Mark />
        <span>PSG</span>
      </Link>
      <Link to="/" current={current?.pattern === "/"}>Projects</Link>
      {project !== null && (
        <>
          <ProjectHeading project={project} />
          {entries.filter((route) => route.nav?.group === "project").map(link)}
        </>
      )}
      {entries.some((route) => route.nav?.group === "platform") && <h2>Platform</h2>}
      {entries.filter((route) => route.nav?.group === "platform").map(link)}
      {ide && <a href="/graphiql">GraphiQL</a>}
      <div className="side-end">
        <Themes />
        <button type="button" className="button ghost small" onClick={onIdentity}>
          <Line>{actor ?? (token ? "Signed in" : "Anonymous")}</Line>
        </button>
        {token !== null && <Button kind="ghost" small onClick={signOut}>Sign out</Button>}
        <Button kind="ghost" small onClick={onHelp} title="Keyboard shortcuts (?)">Shortcuts</Button>
        <span className="dim version">{version && `PSG ${version}`}{auth.includes("none") && " · no sign-in"}</span>
      </div>
    </nav>
  );
}

function ProjectHeading({ project }: { project: string }) {
  const found = useQuery(ProjectName, { id: project });
  return (
    <h2>
      <Line>{found.data?.project?.name ?? (found.loading ? "…" : "Project")}</Line>
    </h2>
  );
}

function Mark() {
  return (
    <svg viewBox="0 0 16 16" width="20" height="20" aria-hidden="true" className="mark">
      <path d="M4 4.5 12 8 4 11.5" />
      <circle cx="3.5" cy="4.2" r="2.2" />
      <circle cx="3.5" cy="11.8" r="2.2" />
      <circle cx="12.5" cy="8" r="2.2" />
    </svg>
  );
}

const THEMES: readonly (readonly [Theme, string])[] = [["system", "Auto"], ["light", "Light"], ["dark", "Dark"]];

function Themes() {
  const now = useStore(theme);
  return (
    <div className="choice small" role="group" aria-label="Colours">
      {THEMES.map(([value, label]) => (
        <button type="button" key={value} aria-pressed={now === value} onClick={() => setTheme(value)}>
          {label}
        </button>
      ))}
    </div>
  );
}

/** Tells that the API is away, and when it is asked again; what is shown stays. */
function ConnectionBanner() {
  const { reachable, retryAt } = useStore(connection);
  const now = useNow(reachable ? 0 : 500);
  if (reachable) return <div className="banner-place" role="status" />;
  const seconds = retryAt === null ? 0 : Math.max(0, Math.ceil((retryAt - now) / 1_000));
  return (
    <div className="banner" role="status">
      <span>The API does not answer. What you see is the last that was known; it is asked again {seconds > 0 ? `in ${seconds} s` : "now"}.</span>
      <Button small onClick={() => void probe()}>Ask now</Button>
    </div>
  );
}

function NotFound() {
  return (
    <div className="state empty">
      <h3>There is no such page</h3>
      <p className="dim">
        The address may be from another version. <Link to="/">Go to projects</Link>
      </p>
    </div>
  );
}

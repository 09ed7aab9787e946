import { useEffect, useMemo, useState } from "react";
import { request } from "../api/client";
import { asError, type ApiError } from "../api/errors";
import { useLive, useQuery, type LiveState } from "../api/hooks";
import { navigate, usePlace, withQuery } from "../app/router";
import type { ViewProps } from "../app/routes";
import { EventHead, EventPage, LogEvents, type EventFamily, type LogEventFragment, type LogEventsData } from "../generated/operations";
import { plural } from "../logic/text";
import { Button, Search, Select } from "../ui/controls";
import { Empty, Loaded, Loading, Problem } from "../ui/states";
import { Status } from "../ui/status";
import { append, matches, NOTHING, PAGE, prepend, wordsOf, type Log } from "./events/log";
import { EventDialog, EventTable } from "./events/table";

const FAMILIES: readonly EventFamily[] = [
  "pipeline_stage", "runtime_execution", "graph_update", "cost_budget", "compensation_plan", "delta_intent",
  "external_integration", "impact_analysis", "import_process", "intent", "methodology", "reasoning_graph",
];

/** The log of a project as it grows, newest first; it can be gone back to its beginning. */
export default function EventsView({ params }: ViewProps) {
  const project = params["project"] ?? "";
  const { query } = usePlace();
  const family = FAMILIES.find((one) => one === query.get("family")) ?? null;
  const plan = query.get("plan");
  const head = useQuery(EventHead, { projectId: project });
  return (
    <div className="page">
      <header className="page-head">
        <h1>Events</h1>
      </header>
      <Loaded of={head} what="Loading events">
        {({ project: found }) => found === null ? <Empty title="There is no such project" /> : (
          <Followed
            key={`${family ?? ""} ${plan ?? ""}`} project={project} family={family} plan={plan} head={Number(found.cursor)}
          />
        )}
      </Loaded>
    </div>
  );
}

interface Chosen {
  project: string;
  family: EventFamily | null;
  plan: string | null;
  head: number;
}

interface Following {
  log: Log;
  state: LiveState;
  problem: ApiError | null;
  older: () => Promise<void>;
  jump: (seq: number) => void;
  beginning: number;
}

/** Read one page before the head, then follow; `older` goes back a page at a time. */
function useLog({ project, family, plan, head }: Chosen): Following {
  const [start, setStart] = useState(Math.max(0, head - PAGE));
  const [log, setLog] = useState<Log>({ ...NOTHING, from: start });
  const [problem, setProblem] = useState<ApiError | null>(null);
  const [beginning, setBeginning] = useState(0);
  const filter = { projectId: project, families: family === null ? null : [family], planId: plan };
  const state = useLive(LogEvents, { ...filter, after: String(start) }, {
    onItem: ({ events: item }: LogEventsData) => {
      if (item.__typename === "EventBatch") setLog((was) => append(was, item.events));
      if (item.__typename === "CursorExpired") {
        setBeginning(Number(item.cursor));
        restart(Number(item.cursor));
      }
    },
    onError: setProblem,
  });
  const restart = (from: number): void => {
    setLog({ events: [], from });
    setStart(from);
  };
  const older = async (): Promise<void> => {
    const from = Math.max(beginning, log.from - PAGE);
    try {
      const { events } = await request(EventPage, { ...filter, after: String(from) });
      if (events.__typename === "EventPage") setLog((was) => prepend(was, events.events, from));
      else setBeginning(Number(events.cursor));
    } catch (thrown) {
      setProblem(asError(thrown));
    }
  };
  return { log, state, problem, older, jump: (seq) => restart(Math.max(beginning, seq - 1)), beginning };
}

function Followed(chosen: Chosen) {
  const { query } = usePlace();
  const { log, state, problem, older, jump, beginning } = useLog(chosen);
  const [text, setText] = useState("");
  const [held, setHeld] = useState<Log | null>(null);
  const [open, setOpen] = useState<LogEventFragment | null>(null);
  const entity = query.get("entity") ?? "";
  const seen = held ?? log;
  const entities = useMemo(() => [...new Set(seen.events.map((event) => event.entityType))].sort(), [seen]);
  const shown = useMemo(() => {
    const words = wordsOf(text);
    return seen.events.filter((event) => matches(event, words, entity)).reverse();
  }, [seen, text, entity]);
  const change = (changes: Record<string, string | null>): void => navigate(withQuery(changes), true);
  const waiting = held === null ? 0 : log.events.length - held.events.length;
  return (
    <>
      <div className="toolbar">
        <Select
          label="Family" value={chosen.family ?? ""} onChange={(value) => change({ family: value })}
          options={[["", "All"], ...FAMILIES.map((one) => [one, one.replaceAll("_", " ")] as const)]}
        />
        <Select
          label="Entity" value={entity} onChange={(value) => change({ entity: value })}
          options={[["", "All"], ...[...new Set([...entities, ...(entity ? [entity] : [])])].map((one) => [one, one] as const)]}
        />
        <Search value={text} onChange={setText} label="Type, id, actor, status" />
        <Jump onJump={jump} />
        {chosen.plan && <Button small onClick={() => change({ plan: null })}>One plan ×</Button>}
        <Button small onClick={() => setHeld(held === null ? log : null)}>
          {held === null ? "Hold" : `Go on${waiting > 0 ? ` (${waiting} new)` : ""}`}
        </Button>
        <Following state={state} />
      </div>
      {problem && <Problem error={problem} />}
      <EventTable events={shown} onOpen={setOpen} />
      {shown.length === 0 && <Nothing state={state} searched={seen.events.length > 0} />}
      <div className="pager">
        {log.from > beginning
          ? <OlderButton older={older} />
          : <span className="dim">This is the beginning of {beginning > 0 ? "what is kept of the log" : "the log"}.</span>}
        <span className="dim num">{plural(shown.length, "event")} shown</span>
      </div>
      {open && <EventDialog event={open} project={chosen.project} onClose={() => setOpen(null)} />}
    </>
  );
}

function OlderButton({ older }: { older: () => Promise<void> }) {
  const [busy, setBusy] = useState(false);
  const load = (): void => {
    setBusy(true);
    void older().finally(() => setBusy(false));
  };
  return <Button small busy={busy} onClick={load}>Older</Button>;
}

function Jump({ onJump }: { onJump: (seq: number) => void }) {
  const [text, setText] = useState("");
  return (
    <form
      className="inline-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (/^\d{1,15}$/.test(text.trim())) onJump(Number(text.trim()));
      }}
    >
      <input aria-label="Go to event number" placeholder="Go to number" inputMode="numeric" value={text} maxLength={15} size={12}
        onChange={(event) => setText(event.target.value)} />
    </form>
  );
}

const STATES: Readonly<Record<LiveState, readonly [string, string]>> = {
  off: ["idle", "Off"], connecting: ["waiting", "Connecting"], live: ["running", "Live"],
  interrupted: ["waiting", "Interrupted, resuming"], ended: ["bad", "Ended"],
};

function Following({ state }: { state: LiveState }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    const timer = setTimeout(() => setLate(true), 1_000);
    return () => clearTimeout(timer);
  }, [state]);
  const [tone, label] = state === "connecting" && !late ? STATES.live : STATES[state];
  return <span role="status"><Status of={tone} label={label} /></span>;
}

function Nothing({ state, searched }: { state: LiveState; searched: boolean }) {
  if (state === "connecting") return <Loading what="Reading the log" />;
  if (searched) return <Empty title="No event on this page matches">Search looks at what was read so far; “Older” reads more.</Empty>;
  return <Empty title="No events here yet">They appear by themselves as plans are made and run. “Older” looks further back.</Empty>;
}

import { useEffect, useState } from "react";
import { request } from "../../api/client";
import { asError, type ApiError } from "../../api/errors";
import { TraceSegments, type TraceSegmentsData } from "../../generated/operations";
import type { StepNode } from "../../logic/steps";
import { duration } from "../../logic/text";
import { Loading, Problem } from "../../ui/states";
import { Status } from "../../ui/status";
import { Json, Line } from "../../ui/text";
import { Moment } from "../../ui/time";
import { between, ErrorWords } from "./panel";

type Segment = NonNullable<TraceSegmentsData["trace"]>["segments"]["nodes"][number];

/** Pages of 100 segments that are read in search of a step's own before the rest is left to `psg`. */
const MOST_PAGES = 60;

interface Found {
  readonly segments: readonly Segment[];
  readonly whole: boolean;
  readonly searching: boolean;
  readonly error: ApiError | null;
}

/** The recorded attempts of a step: those segments of the run's trace that are of it. */
function useSegments(traceId: string | null, step: StepNode): Found & { again: () => void } {
  const [found, setFound] = useState<Found>({ segments: [], whole: false, searching: true, error: null });
  const [version, setVersion] = useState(0);
  useEffect(() => {
    if (traceId === null) return;
    const controller = new AbortController();
    const search = async (): Promise<void> => {
      const mine: Segment[] = [];
      let after: string | null = null;
      for (let page = 0; page < MOST_PAGES; page++) {
        const answer: TraceSegmentsData = await request(TraceSegments, { id: traceId, after }, controller.signal);
        const segments = answer.trace?.segments;
        mine.push(...(segments?.nodes.filter((segment) => segment.stepId === step.id) ?? []));
        const ended = !segments?.pageInfo.hasNextPage;
        setFound({ segments: [...mine], whole: ended, searching: !ended && page + 1 < MOST_PAGES, error: null });
        if (ended || controller.signal.aborted) return;
        after = segments.pageInfo.endCursor;
      }
    };
    search().catch((thrown: unknown) => {
      if (!controller.signal.aborted) setFound((was) => ({ ...was, searching: false, error: asError(thrown) }));
    });
    return () => controller.abort();
  }, [traceId, step.id, step.revision, version]);
  return { ...found, again: () => setVersion((n) => n + 1) };
}

function attribute(segment: Segment, name: string): unknown {
  const { attributes } = segment;
  return typeof attributes === "object" && attributes !== null ? (attributes as Record<string, unknown>)[name] : undefined;
}

function tookOf(segment: Segment): string {
  const ms = attribute(segment, "duration_ms");
  return typeof ms === "number" ? duration(ms) : between(segment.startedAt, segment.finishedAt);
}

export function Attempts({ step, traceId }: { step: StepNode; traceId: string | null }) {
  const { segments, whole, searching, error, again } = useSegments(traceId, step);
  if (traceId === null) return <p className="dim">The plan has not been started, so nothing was attempted.</p>;
  if (error && segments.length === 0) return <Problem error={error} retry={again} />;
  if (searching && segments.length === 0) return <Loading what="Searching the trace" />;
  return (
    <>
      {segments.length === 0 && <p className="dim">{step.attempt > 0 && step.status === "in_progress" ? `Attempt ${step.attempt} is under way; an attempt is recorded when it ends.` : "No attempt was recorded."}</p>}
      <ol className="attempts">
        {segments.map((segment) => (
          <li key={segment.id}>
            <div className="attempt-head">
              <Status of={segment.status} />
              <span className="num">{segment.attempt === null ? "" : `Attempt ${segment.attempt}`}</span>
              <span className="dim num">{tookOf(segment)}</span>
              <span className="end"><Moment at={segment.finishedAt} /></span>
            </div>
            {segment.label !== step.key && <Line className="dim">{segment.label}</Line>}
            <ErrorWords error={attribute(segment, "error")} />
            {segment.attributes !== null && <Json value={segment.attributes} label="Recorded" />}
          </li>
        ))}
      </ol>
      {!whole && !searching && <p className="dim">The trace is longer than what was searched.</p>}
    </>
  );
}

import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { request } from "../../api/client";
import { connection } from "../../api/connection";
import { asError, type ApiError } from "../../api/errors";
import { useLive, useQuery, type LiveState } from "../../api/hooks";
import { session } from "../../api/session";
import { useStore } from "../../api/store";
import {
  PendingApprovals, Plan, PlanProgress, PlanSteps, Switches, type PlanStepsData, type CountsFragment, type PlanHeadFragment, type PlanProgressData,
} from "../../generated/operations";
import { Rereads } from "../../logic/rereads";
import { keepOnly, mergeSteps, unlock, type Book, type StepNode } from "../../logic/steps";
import type { Approval, Switch } from "../../logic/waiting";

export interface LivePlan {
  readonly plan: PlanHeadFragment | null;
  /** The plan was asked for, and there is none. */
  readonly absent: boolean;
  readonly counts: CountsFragment | null;
  readonly book: Book;
  /** How many steps were read of how many, while the first reading goes on. */
  readonly reading: boolean;
  readonly error: ApiError | null;
  readonly live: LiveState;
  readonly approvals: readonly Approval[];
  readonly switches: readonly Switch[];
  reload(): void;
}

/** Steps are read once the stream has begun, so that nothing falls between the two; without a stream, after this time. */
const PATIENCE_MS = 1_500;

const EMPTY: Book = new Map();

/** All steps of a plan: read page by page, then kept up to date by what `merge` is given. */
function useSteps(planId: string, begin: boolean): {
  book: Book;
  reading: boolean;
  error: ApiError | null;
  merge: (steps: readonly StepNode[]) => void;
  readAgain: (atOnce?: boolean) => void;
} {
  const [book, setBook] = useState<Book>(EMPTY);
  const [reading, setReading] = useState(true);
  const [error, setError] = useState<ApiError | null>(null);
  const [version, setVersion] = useState(0);
  const { returns } = useStore(connection);
  const { token, needed } = useStore(session);
  const [rereads] = useState(() => new Rereads(() => setVersion((n) => n + 1)));

  useEffect(() => {
    if (needed || !begin) return;
    const controller = new AbortController();
    const read = async (): Promise<void> => {
      const seen = new Set<string>();
      for (let after: string | null = null; ; ) {
        const { steps }: PlanStepsData = await request(PlanSteps, { id: planId, after }, controller.signal);
        for (const step of steps.nodes) seen.add(step.id);
        setBook((was) => mergeSteps(was, steps.nodes));
        if (!steps.pageInfo.hasNextPage) break;
        after = steps.pageInfo.endCursor;
      }
      setBook((was) => keepOnly(was, seen));
      setError(null);
    };
    const failed = (thrown: unknown): void => {
      const error = asError(thrown);
      setError(error);
      if (error.retryable && error.code !== "unreachable") rereads.ask(); // that one is watched for by its return
    };
    rereads.began();
    read()
      .catch((thrown: unknown) => controller.signal.aborted || failed(thrown))
      .finally(() => {
        if (controller.signal.aborted) return;
        setReading(false);
        rereads.ended();
      });
    return () => {
      controller.abort();
      rereads.stop();
    };
  }, [planId, begin, version, returns, token, needed, rereads]);

  const readAgain = useCallback((atOnce?: boolean) => rereads.ask(atOnce), [rereads]);
  const merge = useCallback((steps: readonly StepNode[]) => setBook((was) => unlock(mergeSteps(was, steps), steps)), []);
  return { book, reading, error, merge, readAgain };
}

interface Progress {
  readonly status: PlanHeadFragment["status"];
  readonly paused: boolean;
  readonly counts: CountsFragment;
}

/** The plan as it was read, with what the stream told since. */
function withProgress(plan: PlanHeadFragment, { status, paused, counts }: Progress): PlanHeadFragment {
  const open = counts.pending + counts.inProgress + counts.blocked;
  return { ...plan, status, paused, stepsTotal: counts.total, stepsOpen: open, stepsFailed: counts.failed };
}

/** A plan as it is now, and as it goes on. */
export function useLivePlan(projectId: string, planId: string): LivePlan {
  const head = useQuery(Plan, { id: planId });
  const [begin, setBegin] = useState(false);
  const { book, reading, error, merge, readAgain } = useSteps(planId, begin);
  const [progress, setProgress] = useState<Progress | null>(null);
  const [generation, setGeneration] = useState(0);
  const [refused, setRefused] = useState<ApiError | null>(null);
  const approvals = useQuery(PendingApprovals, progress?.status === "in_progress" ? { projectId } : null, 5_000);
  const switches = useQuery(Switches, progress?.status === "in_progress" ? { projectId } : null, 15_000);
  const status = useRef<string | null>(null);
  const told = useRef(-1);
  useEffect(() => {
    const timer = setTimeout(() => setBegin(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [planId]);

  const onItem = (data: PlanProgressData): void => {
    const item = data.planProgress;
    if (item.__typename === "CursorExpired") setGeneration((n) => n + 1);
    if (item.__typename !== "PlanProgress") return;
    if (told.current !== generation) {
      // From here on the stream tells everything: what was read before may lack what happened in between.
      told.current = generation;
      if (begin) readAgain(true);
      else setBegin(true);
    }
    merge(item.changedSteps);
    setProgress({ status: item.status, paused: item.paused, counts: item.counts });
    const mark = `${item.status}:${item.paused}`;
    if (status.current !== null && status.current !== mark) {
      head.reload();
      readAgain(true);
    }
    status.current = mark;
    if (item.changedSteps.some((step) => step.parked === "confirm")) approvals.reload();
    if (item.truncated) readAgain(); // more changed than one message tells
  };
  const live = useLive(PlanProgress, { planId } as { planId: string; after?: string | null }, { onItem, onError: setRefused, generation });
  const reload = useCallback(() => {
    head.reload();
    readAgain(true);
    if (refused === null) return;
    setRefused(null);
    setGeneration((n) => n + 1);
  }, [head.reload, readAgain, refused]);

  return useMemo(() => {
    const known = head.data?.plan ?? null;
    const plan = known && progress ? withProgress(known, progress) : known;
    return {
      plan, absent: head.data !== null && known === null, counts: progress?.counts ?? null, book, reading,
      error: head.error ?? error ?? refused, live, approvals: approvals.data?.confirms.nodes ?? [],
      switches: switches.data?.killSwitches ?? [], reload,
    };
  }, [head.data, head.error, progress, book, reading, error, refused, live, approvals.data, switches.data, reload]);
}

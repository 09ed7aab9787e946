import { Component, type ReactNode } from "react";
import type { Query } from "../api/hooks";
import type { ApiError } from "../api/errors";
import { Text } from "./text";

export function Loading({ what = "Loading" }: { what?: string }) {
  return (
    <div className="state loading" role="status">
      <span className="spinner" aria-hidden="true" />
      {what}…
    </div>
  );
}

/** Nothing is there: says so, and what to do. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="state empty">
      <h3>{title}</h3>
      {children && <div className="dim">{children}</div>}
    </div>
  );
}

export function Problem({ error, retry }: { error: Pick<ApiError, "message" | "code">; retry?: () => void }) {
  return (
    <div className="state problem" role="alert">
      <h3>{error.code === "unreachable" ? "The API does not answer" : "That did not work"}</h3>
      <p>
        <Text>{error.message}</Text> <code className="dim">{error.code}</code>
      </p>
      {retry && (
        <button type="button" className="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** What a query brought: loading, its failure, or its data. Data that is there stays while it is asked anew. */
export function Loaded<D>({ of, what, children }: { of: Query<D>; what?: string; children: (data: D) => ReactNode }) {
  if (of.data !== null) return <>{children(of.data)}</>;
  if (of.error !== null) return <Problem error={of.error} retry={of.reload} />;
  return <Loading what={what} />;
}

/** Keeps a mistake in one view from taking the page away. */
export class Guard extends Component<{ children: ReactNode; name: string }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override componentDidUpdate(before: { name: string }): void {
    if (before.name !== this.props.name && this.state.error) this.setState({ error: null });
  }

  private again(): void {
    // A view that could not be loaded is remembered as such: the server may have another version by now.
    if (/module/i.test(this.state.error?.message ?? "")) location.reload();
    else this.setState({ error: null });
  }

  override render(): ReactNode {
    if (!this.state.error) return this.props.children;
    return (
      <Problem
        error={{ message: this.state.error.message, code: "console_error" }}
        retry={() => this.again()}
      />
    );
  }
}

/** What went wrong, in words that can be shown. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly retryable = false,
    readonly details: unknown = null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** The API could not be reached, or gave no answer that can be one. */
export class Unreachable extends ApiError {
  constructor(message: string) {
    super(message, "unreachable", true);
    this.name = "Unreachable";
  }
}

/** The API wants a token, or another one. */
export class Unauthenticated extends ApiError {
  constructor(message: string) {
    super(message, "unauthenticated");
    this.name = "Unauthenticated";
  }
}

interface WireError {
  message?: unknown;
  extensions?: { code?: unknown; retryable?: unknown; details?: unknown } | null;
}

/** The first of the errors of an answer; there is one, or it is told that something is wrong. */
export function firstError(errors: readonly WireError[]): ApiError {
  const error = errors[0] ?? {};
  const message = typeof error.message === "string" && error.message !== "" ? error.message : "The API refused the request";
  const code = typeof error.extensions?.code === "string" ? error.extensions.code : "error";
  if (code === "unauthenticated") return new Unauthenticated(message);
  return new ApiError(message, code, error.extensions?.retryable === true, error.extensions?.details ?? null);
}

export function asError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  return new ApiError(thrown instanceof Error ? thrown.message : String(thrown), "error");
}

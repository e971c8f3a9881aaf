import type { Trace } from '../../observability/trace.ts';

/** What tells a running statement that nobody waits for it any more. A deadline is one. */
export interface Cancellation {
  /** Why it was cancelled; undefined while it was not. */
  readonly reason: Error | undefined;
  /** Is told of the steps of the call; undefined while nobody follows it. */
  readonly meter?: { readonly trace: Trace | undefined } | undefined;
  /** Calls `listener` once, when cancelled. Returns what takes the listener away again. */
  onCancel(listener: (reason: Error) => void): () => void;
}

/** What tells a running statement that nobody waits for it any more. A deadline is one. */
export interface Cancellation {
  /** Why it was cancelled; undefined while it was not. */
  readonly reason: Error | undefined;
  /** Calls `listener` once, when cancelled. Returns what takes the listener away again. */
  onCancel(listener: (reason: Error) => void): () => void;
}

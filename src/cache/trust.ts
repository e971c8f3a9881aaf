/**
 * Whether a process would have heard of it, had another one invalidated an entry. What entries point
 * to, so that one look tells about all of them.
 */
export interface Trust {
  /** Until then it is certain. Milliseconds on the monotonic clock. */
  readonly trustedUntilMs: number;
  /** Another number than when an entry was made: an invalidation of it may have been missed since. */
  readonly generation: number;
}

/** Without Redis nobody else could tell anything: entries live out their time. */
export const alone: Trust = {
  trustedUntilMs: Number.POSITIVE_INFINITY,
  generation: 0,
};

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
export const alone: Trust = { trustedUntilMs: Number.POSITIVE_INFINITY, generation: 0 };

/** No server is known that would tell. */
export const untold: Trust = { trustedUntilMs: Number.NEGATIVE_INFINITY, generation: 0 };

/** When something was learned, and who tells of what changes from then on. */
export interface Witness {
  readonly trust: Trust;
  /** The trust's when it was learned; none that the trust ever has, if nobody was listening. */
  readonly generation: number;
  /** Until then it is young enough to be believed, whether invalidations arrive or not. */
  readonly youngUntilMs: number;
}

/** Whether what was learned then is no further behind than the contract allows. */
export function isBelieved({ trust, generation, youngUntilMs }: Witness, nowMs: number): boolean {
  return (generation === trust.generation && nowMs < trust.trustedUntilMs) || nowMs < youngUntilMs;
}

/** How long what was loaded may be served. All in milliseconds. */
export interface Freshness {
  /** Served without asking the source. */
  readonly ttlMs: number;
  /** Past `ttlMs`: served once more while a new value loads. */
  readonly staleMs: number;
  /** Past `ttlMs`: stands in while the source can't answer. */
  readonly staleIfErrorMs: number;
  /** Like `ttlMs`, for the absence of a value, which is never served past its time. */
  readonly negativeTtlMs: number;
  /** The part of a life by which it may be shorter, at random: 0.1 is up to a tenth. */
  readonly jitter: number;
}

/** The life of one value. */
export interface Life {
  readonly freshMs: number;
  readonly staleMs: number;
  readonly errorMs: number;
}

/**
 * The life of a value just loaded. Lives differ, so that what was loaded together does not expire
 * together.
 */
export function lifeOf(
  isAbsent: boolean,
  { ttlMs, negativeTtlMs, staleMs, staleIfErrorMs, jitter }: Freshness,
  random = Math.random(),
): Life {
  const freshMs = (isAbsent ? negativeTtlMs : ttlMs) * (1 - jitter * random);
  return isAbsent
    ? { freshMs, staleMs: 0, errorMs: 0 }
    : { freshMs, staleMs, errorMs: Math.max(staleMs, staleIfErrorMs) };
}

/**
 * When to load a value anew before its time is over: the sooner, the longer that takes, and by chance,
 * so that one of many does so while the others still have the old one.
 *
 * The chance is drawn once for a holder and not at each read, which gives the same distribution however
 * often it reads, and costs a read nothing.
 *
 * Source: A. Vattani, F. Chierichetti, K. Lowenstein, "Optimal Probabilistic Cache Stampede
 * Prevention", VLDB 2015 (XFetch, beta = 1).
 *
 * @param random over 0, at most 1.
 */
export function earlyMs(loadMs: number, beta = 1, random = 1 - Math.random()): number {
  return -loadMs * beta * Math.log(random);
}

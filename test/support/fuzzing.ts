/**
 * What all fuzzers share: a run prints its seed, MERIDIAN_FUZZ_SEED repeats it, and MERIDIAN_FUZZ_MINUTES makes
 * it long. MERIDIAN_FUZZ_MINUTES=60 npx vitest run --project integration test/integration/rows/values-fuzz.test.ts
 */
export const seed = Number(process.env.MERIDIAN_FUZZ_SEED ?? Date.now() % 2 ** 31);

const minutes = Number(process.env.MERIDIAN_FUZZ_MINUTES ?? 0);
const isLong = minutes > 0;
const longMs = minutes * 60_000;

/** Milliseconds that a test of `rounds` may take: the last round may begin just before the end. */
export const fuzzTimeoutMs = longMs + 240_000;

/**
 * Numbers of rounds: one at least, then more until the time is over, which is `shortMs` where nobody asks
 * for a long run. Yields to the event loop between them.
 */
export async function* rounds(shortMs = 0): AsyncGenerator<number> {
  const until = performance.now() + (isLong ? longMs : shortMs);
  let round = 0;
  do {
    yield round++;
    await new Promise((resolve) => setImmediate(resolve));
  } while (performance.now() < until);
  if (isLong) process.stdout.write(`${round} rounds in ${minutes} minutes, seed ${seed}\n`);
}

interface Patience {
  readonly timeoutMs?: number;
  readonly startupTimeoutMs?: number;
  readonly pool?: { readonly connectTimeoutMs: number };
  readonly breaker?: {
    readonly failures: number;
    readonly stallMs: number;
    readonly probeTimeoutMs: number;
  };
}

/**
 * Options of a data layer whose answers are compared: a long run shares its machine with others, and what
 * comes late says nothing of what is right.
 */
export const patience: Patience = isLong
  ? {
      timeoutMs: 120_000,
      startupTimeoutMs: 120_000,
      pool: { connectTimeoutMs: 60_000 },
      breaker: { failures: 1_000_000, stallMs: 60_000, probeTimeoutMs: 60_000 },
    }
  : {};

/** Milliseconds in which what is on its way must have come. */
export const soonMs = isLong ? 120_000 : 5_000;

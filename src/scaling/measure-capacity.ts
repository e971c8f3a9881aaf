import { ConfigError, type Problem } from '../errors/config-error.ts';

/**
 * When a service counts as loaded, and how its limit is looked for.
 *
 * @example
 * const options: CapacityOptions = { targetMs: 50, share: 0.99, stepMs: 5_000, startPerSecond: 50 };
 * const { maxLoad } = await measureCapacity(callService, options);
 */
export interface CapacityOptions {
  /** Milliseconds within which calls are to end, from when they were due. Above 0. */
  readonly targetMs: number;
  /** Share of the calls that must be in time, and must not fail. 0 to 1, default 0.99. */
  readonly share?: number | undefined;
  /** Calls a second to begin with. Default 10. */
  readonly startPerSecond?: number | undefined;
  /** By what the rate grows from step to step until one breaks. Above 1, default 1.5. */
  readonly growth?: number | undefined;
  /** Milliseconds of each step. Default 5,000. */
  readonly stepMs?: number | undefined;
  /** How close the greatest good rate and the least bad one are to come, as a share. Default 0.05. */
  readonly precision?: number | undefined;
  /** Default 100,000. */
  readonly maxPerSecond?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told after each step. */
  readonly onStep?: ((step: CapacityStep) => void) | undefined;
}

/**
 * What came of one rate.
 *
 * @see {@link measureCapacity}
 */
export interface CapacityStep {
  readonly perSecond: number;
  readonly calls: number;
  /** Share of the calls that ended well and in time. */
  readonly goodShare: number;
  readonly failed: number;
  /** What the first call that failed threw; undefined when none did. */
  readonly firstError: unknown;
  /** Of all calls that were due; `Infinity` where so many failed, hung or could not be made. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly good: boolean;
}

/**
 * The load that a service carries, and the rates that were tried.
 *
 * @see {@link measureCapacity}
 */
export interface MeasuredLimit {
  /** The greatest rate, in calls a second, that kept the target: `maxLoadPerInstance` of one instance. 0: none did. */
  readonly maxLoad: number;
  /** Whether it broke at all below `maxPerSecond`. */
  readonly broke: boolean;
  readonly steps: readonly CapacityStep[];
}

/**
 * Finds the load that a service carries, by calls at a fixed rate whatever becomes of them (an open loop), with a
 * rate that grows until the latency target breaks and then closes in on where. Latency counts from when a call was
 * due, so that a service that stops is not asked less often for it.
 *
 * Source: G. Tene, "How NOT to Measure Latency", 2013 (coordinated omission).
 *
 * @param call makes one call; it is given a signal that ends when the measurement does.
 * @throws ConfigError with every option that is out of range; the signal's reason when it fires.
 *
 * @example
 * const { maxLoad, broke } = await measureCapacity((signal) => callService(signal), { targetMs: 50 });
 */
export async function measureCapacity(
  call: (signal: AbortSignal) => Promise<unknown>,
  options: CapacityOptions,
): Promise<MeasuredLimit> {
  const { startPerSecond, growth, precision, maxPerSecond, signal, onStep, ...config } =
    readOptions(options);
  const steps: CapacityStep[] = [];
  const tryRate = async (perSecond: number) => {
    signal?.throwIfAborted();
    const step = await runStep(call, perSecond, config, signal);
    steps.push(step);
    onStep?.(step);
    return step.good;
  };
  let good = 0;
  let bad = Number.POSITIVE_INFINITY;
  for (
    let rate = startPerSecond;
    bad === Number.POSITIVE_INFINITY;
    rate = Math.min(maxPerSecond, rate * growth)
  ) {
    if (await tryRate(rate)) good = rate;
    else bad = rate;
    if (good === maxPerSecond) return { maxLoad: good, broke: false, steps };
  }
  while (good > 0 && bad - good > good * precision) {
    const rate = (good + bad) / 2;
    if (await tryRate(rate)) good = rate;
    else bad = rate;
  }
  return { maxLoad: good, broke: true, steps };
}

interface StepConfig {
  readonly targetMs: number;
  readonly share: number;
  readonly stepMs: number;
}

/** Calls that may be under way, for each that ends in time: past it the step is lost, and memory would be too. */
const mostWaiting = 20;

async function runStep(
  call: (signal: AbortSignal) => Promise<unknown>,
  perSecond: number,
  { targetMs, share, stepMs }: StepConfig,
  signal: AbortSignal | undefined,
): Promise<CapacityStep> {
  const ending = new AbortController();
  const stop = signal === undefined ? ending.signal : AbortSignal.any([signal, ending.signal]);
  const total = Math.max(1, Math.round((perSecond * stepMs) / 1_000));
  const latencies: number[] = [];
  const errors: unknown[] = [];
  let failed = 0;
  let waiting = 0;
  const limit = Math.max(
    100,
    (mostWaiting * perSecond * targetMs) / 1_000,
    2 * (1 - share) * total,
  );
  const startedAt = performance.now();
  const one = async (dueAt: number) => {
    waiting++;
    try {
      await call(stop);
      latencies.push(performance.now() - dueAt);
    } catch (error) {
      // What failed is counted, whatever it was: the rate was too much for it.
      if (failed === 0) errors.push(error);
      failed++;
    } finally {
      waiting--;
    }
  };
  const calls: Promise<void>[] = [];
  while (calls.length < total && waiting < limit) {
    signal?.throwIfAborted();
    const due = Math.min(total, Math.ceil(((performance.now() - startedAt) * perSecond) / 1_000));
    while (calls.length < due) calls.push(one(startedAt + (calls.length * 1_000) / perSecond));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  // Who is not answered within the target counts as late anyway.
  await settled(calls, targetMs, signal);
  signal?.throwIfAborted();
  const step = judge(
    { perSecond, total, calls: calls.length, failed, errors, latencies },
    targetMs,
    share,
  );
  ending.abort();
  // What is still under way would be a load of the next step's too.
  await settled(calls, mostWaiting * targetMs, signal);
  signal?.throwIfAborted();
  return step;
}

interface StepRun {
  readonly perSecond: number;
  /** Calls that were due. */
  readonly total: number;
  readonly calls: number;
  readonly failed: number;
  /** The first, where any. */
  readonly errors: readonly unknown[];
  /** Of those that were answered. */
  readonly latencies: readonly number[];
}

function judge(
  { perSecond, total, calls, failed, errors, latencies }: StepRun,
  targetMs: number,
  share: number,
): CapacityStep {
  const goodShare = latencies.filter((ms) => ms <= targetMs).length / total;
  // Calls that failed, hang or were never made are the slowest of all.
  const lost = Array<number>(total - latencies.length).fill(Number.POSITIVE_INFINITY);
  const all = [...latencies, ...lost].sort((one, other) => one - other);
  const at = (part: number) => all[Math.min(total - 1, Math.floor(part * total))] ?? Number.NaN;
  const good = goodShare >= share;
  const firstError = errors[0];
  return { perSecond, calls, goodShare, failed, firstError, p50Ms: at(0.5), p99Ms: at(0.99), good };
}

/** Waits for calls, but no longer than so many milliseconds, nor past a signal. */
async function settled(
  calls: readonly Promise<void>[],
  ms: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  let stop = () => {};
  const given = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    stop = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      resolve();
    };
    signal?.addEventListener('abort', stop);
  });
  await Promise.race([Promise.all(calls), given]);
  stop();
}

function readOptions(options: CapacityOptions) {
  const { targetMs, share = 0.99, startPerSecond = 10, growth = 1.5, stepMs = 5_000 } = options;
  const { precision = 0.05, maxPerSecond = 100_000, signal, onStep } = options;
  const problems: Problem[] = [];
  const check = (path: string, value: number, wanted: string, fits: boolean) => {
    if (!fits || !Number.isFinite(value))
      problems.push({ path, message: `must be ${wanted}, not ${value}` });
  };
  check('targetMs', targetMs, 'above 0', targetMs > 0);
  check('share', share, 'above 0 and at most 1', share > 0 && share <= 1);
  check('startPerSecond', startPerSecond, 'above 0', startPerSecond > 0);
  check('growth', growth, 'above 1', growth > 1);
  check('stepMs', stepMs, 'at least 100', stepMs >= 100);
  check('precision', precision, 'above 0 and below 1', precision > 0 && precision < 1);
  check('maxPerSecond', maxPerSecond, 'at least startPerSecond', maxPerSecond >= startPerSecond);
  if (problems.length > 0) throw new ConfigError('The capacity cannot be measured', problems);
  return {
    targetMs,
    share,
    startPerSecond,
    growth,
    stepMs,
    precision,
    maxPerSecond,
    signal,
    onStep,
  };
}

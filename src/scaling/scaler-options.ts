import { ConfigError, type Problem } from '../errors/config-error.ts';
import { WeekClock } from './forecast/season.ts';
import { type ConnectionBudget, capOf } from './limits.ts';
import type { LatencyTarget } from './queueing.ts';
import type { ScalabilityLaw } from './scalability.ts';

/**
 * What an instance carries, how long it takes to be there, and how cautious a scaler is.
 *
 * @example
 * const options: ScalerOptions = {
 *   maxLoadPerInstance: 400, leadTimeMs: 600_000, minInstances: 2, timeZone: 'Europe/Berlin',
 * };
 */
export interface ScalerOptions {
  /** What one instance carries, in the unit of the load. Above 0. */
  readonly maxLoadPerInstance: number;
  /** Milliseconds from asking for an instance to its first call: what the scaler looks ahead. At least 0. */
  readonly leadTimeMs: number;
  /** Milliseconds between two samples of the load, about. 1,000 to 3,600,000, default 60,000. */
  readonly stepMs?: number | undefined;
  /**
   * The share of time in which the load may be more than what is there, by which the headroom over the
   * forecast is chosen from the scaler's own past errors. Above 0, at most 0.5, default 0.002.
   */
  readonly maxOverloadShare?: number | undefined;
  /** The rule's factor, until there is a forecast. At least 1, default 1.2. */
  readonly headroom?: number | undefined;
  /**
   * Milliseconds for which fewer instances must have been enough before there are fewer, by what was recommended: ask at
   * each step, for a step that nobody asked at counts for nothing. Default 300,000.
   */
  readonly shrinkAfterMs?: number | undefined;
  /** Default 1. */
  readonly minInstances?: number | undefined;
  /** Default: as many as it takes. */
  readonly maxInstances?: number | undefined;
  /** Whose clock people go by who make the load, as `Europe/Berlin`. Default `UTC`. */
  readonly timeZone?: string | undefined;
  /** The load is in calls a second, and so many instances are wanted that they need not queue for long. */
  readonly latency?: LatencyTarget | undefined;
  /** How the fleet was measured to grow; in place of `maxLoadPerInstance` times the instances. */
  readonly law?: ScalabilityLaw | undefined;
  readonly budget?: ConnectionBudget | undefined;
}

export interface ScalerConfig extends ScalerOptions {
  readonly stepMs: number;
  readonly maxOverloadShare: number;
  readonly headroom: number;
  readonly shrinkAfterMs: number;
  readonly minInstances: number;
  readonly clock: WeekClock;
  /** Steps that are looked ahead. */
  readonly horizon: number;
}

/** @throws ConfigError with every option that is out of range. */
export function readScalerOptions(options: ScalerOptions): ScalerConfig {
  const {
    stepMs = 60_000,
    maxOverloadShare = 0.002,
    headroom = 1.2,
    shrinkAfterMs = 300_000,
    minInstances = 1,
  } = options;
  const config = { ...options, stepMs, maxOverloadShare, headroom, shrinkAfterMs, minInstances };
  const problems: Problem[] = [];
  const check: Check = (path, value, wanted, fits) => {
    if (fits && Number.isFinite(value)) return;
    problems.push({ path, message: `must be ${wanted}, not ${value}` });
  };
  checkNumbers(config, check);
  checkLatency(options.latency, check);
  checkLaw(options.law, check);
  checkBudget(options.budget, check);
  const cap = problems.length === 0 ? capOf(options) : undefined;
  if (cap !== undefined && cap.instances < minInstances) {
    const message = `must be at most ${cap.instances}, for ${cap.because}`;
    problems.push({ path: 'minInstances', message });
  }
  const clock = clockOf(options.timeZone ?? 'UTC', problems);
  if (clock === undefined || problems.length > 0) {
    throw new ConfigError('The scaler cannot work with these options', problems);
  }
  const horizon = Math.max(1, Math.ceil((options.leadTimeMs + stepMs) / stepMs));
  return { ...config, clock, horizon };
}

function checkNumbers(config: Omit<ScalerConfig, 'clock' | 'horizon'>, check: Check): void {
  const { maxLoadPerInstance, leadTimeMs, stepMs, maxOverloadShare, headroom } = config;
  const { shrinkAfterMs, minInstances, maxInstances = minInstances } = config;
  const whole = (value: number) => Number.isSafeInteger(value) && value >= 1;
  const isStep = stepMs >= 1_000 && stepMs <= 3_600_000;
  const longest = 1_000 * (isStep ? stepMs : 3_600_000);
  const steps = `0 to ${longest}, a thousand steps`;
  const isShare = maxOverloadShare > 0 && maxOverloadShare <= 0.5;
  check('maxLoadPerInstance', maxLoadPerInstance, 'a number above 0', maxLoadPerInstance > 0);
  check('stepMs', stepMs, '1,000 to 3,600,000', isStep);
  check('leadTimeMs', leadTimeMs, steps, leadTimeMs >= 0 && leadTimeMs <= longest);
  check('maxOverloadShare', maxOverloadShare, 'above 0 and at most 0.5', isShare);
  check('headroom', headroom, 'a finite factor, at least 1', headroom >= 1);
  check('shrinkAfterMs', shrinkAfterMs, steps, shrinkAfterMs >= 0 && shrinkAfterMs <= longest);
  check('minInstances', minInstances, 'a whole number, at least 1', whole(minInstances));
  const atLeast = `a whole number, at least minInstances (${minInstances})`;
  check('maxInstances', maxInstances, atLeast, whole(maxInstances) && maxInstances >= minInstances);
}

type Check = (path: string, value: number, wanted: string, fits: boolean) => void;

function checkLatency(latency: LatencyTarget | undefined, check: Check): void {
  if (latency === undefined) return;
  const { targetMs, serviceMs, slotsPerInstance, share = 0.99 } = latency;
  check('latency.serviceMs', serviceMs, 'above 0', serviceMs > 0);
  check('latency.targetMs', targetMs, `above serviceMs (${serviceMs})`, targetMs > serviceMs);
  check(
    'latency.slotsPerInstance',
    slotsPerInstance,
    'a whole number, 1 to 10,000',
    Number.isInteger(slotsPerInstance) && slotsPerInstance >= 1 && slotsPerInstance <= 10_000,
  );
  check('latency.share', share, 'above 0 and below 1', share > 0 && share < 1);
}

function checkLaw(law: ScalabilityLaw | undefined, check: Check): void {
  if (law === undefined) return;
  check('law.gamma', law.gamma, 'above 0', law.gamma > 0);
  check('law.sigma', law.sigma, '0 to 1', law.sigma >= 0 && law.sigma <= 1);
  check('law.kappa', law.kappa, 'at least 0', law.kappa >= 0);
}

function checkBudget(budget: ConnectionBudget | undefined, check: Check): void {
  if (budget === undefined) return;
  const { poolPerInstance, shards = {} } = budget;
  check(
    'budget.shards',
    Object.keys(shards).length,
    'of one shard at least',
    Object.keys(shards).length > 0,
  );
  check(
    'budget.poolPerInstance',
    poolPerInstance,
    'a whole number, at least 1',
    Number.isSafeInteger(poolPerInstance) && poolPerInstance >= 1,
  );
  for (const [name, { maxConnections, reserve = 10 }] of Object.entries(shards)) {
    const path = `budget.shards.${name}`;
    check(`${path}.reserve`, reserve, 'at least 0', reserve >= 0);
    const least = reserve + poolPerInstance;
    check(
      `${path}.maxConnections`,
      maxConnections,
      `enough for one instance beside the reserve: at least ${least}`,
      maxConnections >= least,
    );
  }
}

function clockOf(timeZone: string, problems: Problem[]): WeekClock | undefined {
  try {
    return new WeekClock(timeZone);
  } catch {
    problems.push({
      path: 'timeZone',
      message: `is no time zone that this runtime knows: '${timeZone}'`,
    });
    return undefined;
  }
}

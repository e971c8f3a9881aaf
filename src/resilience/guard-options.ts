import type { BreakerWindow } from '../config/breaker-window.ts';
import { didYouMean } from '../config/did-you-mean.ts';
import { ConfigError, type Problem } from '../errors/config-error.ts';
import type { Observer } from '../observability/events.ts';
import { type CockatielPolicy, isPolicy } from './cockatiel-policy.ts';

/**
 * How a guard limits, judges and repeats calls.
 *
 * @example
 * const prices = createGuard('prices', {
 *   concurrency: 20, queue: 50, timeoutMs: 300, retries: 1,
 *   window: { ms: 10_000, failureShare: 0.5, slowMs: 250 },
 * });
 */
export interface GuardOptions<Alt = never> {
  /** Calls that run at once. Default 32. */
  concurrency?: number;
  /**
   * Calls that may wait for their turn; a tenth of the places is for critical calls, and sheddable
   * ones may take half. Default 256.
   */
  queue?: number;
  /** Failures in a row that open the breaker. Default 5; with a `window` none. */
  failures?: number;
  /** Opens the breaker on a share of the calls of the last while that failed or were slow. */
  window?: BreakerWindow;
  /** Milliseconds the breaker stays open before a probe. Default 1,000. */
  openMs?: number;
  /** Milliseconds from one call at once to all of them after it has closed. Default 1,000. */
  rampMs?: number;
  /**
   * Asks the dependency for a sign of life, and throws when there is none. With it no call of yours is
   * ever the probe. It runs when a call comes after `openMs`, never twice at once.
   */
  probe?: () => Promise<unknown>;
  /** Milliseconds that `probe` may take. Default 1,000. */
  probeTimeoutMs?: number;
  /**
   * With `probe`: milliseconds in which calls ran and none was answered, after which it is asked; the
   * breaker opens when it fails. 0: never. Default 500.
   */
  stallMs?: number;
  /** Milliseconds a call may take, queue and retries included. Default 1,000. */
  timeoutMs?: number;
  /**
   * Retries of one call that may be repeated. Default 2. All calls together have a budget: one retry
   * for ten calls.
   */
  retries?: number;
  /** Adapts the number of calls at once, up to `concurrency`, to how fast they are. Default `true`. */
  adaptive?: boolean;
  /** Refuses a share of the calls while most are turned away. Default `true`. */
  throttle?: boolean;
  /**
   * Whether an error says that the dependency is unwell. By default it does, unless it shows that the
   * dependency answered: an HTTP status (`status`, `statusCode`, of the error or its `response`)
   * below 500, except 408, 425 and 429, or a database's own refusal such as a duplicate key.
   */
  isFailure?: (error: unknown) => boolean;
  /**
   * A cockatiel policy in which each call of the work runs, inside of the guard: after its breaker and
   * bulkhead, within its time, once for each of its attempts. What the policy repeats takes one place and
   * counts once; what it refuses by itself does not count. Default: none.
   */
  policy?: CockatielPolicy<Alt>;
  /** Is told when the breaker changes its state. */
  observer?: Observer;
}

const defaults = {
  concurrency: 32,
  queue: 256,
  openMs: 1_000,
  rampMs: 1_000,
  probeTimeoutMs: 1_000,
  stallMs: 500,
  timeoutMs: 1_000,
  retries: 2,
  adaptive: true,
  throttle: true,
};

export type CheckedGuardOptions<Alt = never> = GuardOptions<Alt> &
  Required<Pick<GuardOptions, keyof typeof defaults>>;

/** The most is what a timer can hold. */
const most = 2 ** 31 - 1;
/** The least of each whole number. */
const least: Readonly<Record<string, number>> = {
  concurrency: 1,
  queue: 0,
  failures: 1,
  openMs: 1,
  rampMs: 0,
  probeTimeoutMs: 1,
  stallMs: 0,
  timeoutMs: 1,
  retries: 0,
};
const switches = ['adaptive', 'throttle'];
const functions = ['probe', 'isFailure', 'observer'];
const known = [...Object.keys(least), ...switches, ...functions, 'window', 'policy'];
const leastOfWindow: Readonly<Record<string, number>> = {
  ms: 1,
  buckets: 1,
  minimumCalls: 1,
  slowMs: 1,
};
const shares = ['failureShare', 'slowShare'];

/**
 * Fills in defaults.
 *
 * @throws {ConfigError} naming every option that is out of range.
 */
export function checkGuardOptions<Alt>(
  name: string,
  options: GuardOptions<Alt>,
): CheckedGuardOptions<Alt> {
  const misfits: Problem[] = [];
  if (typeof name !== 'string' || name === '') {
    misfits.push({
      path: 'name',
      message: "must be a text that events call the guard: 'inventory'",
    });
  }
  if (typeof options !== 'object' || options === null) {
    misfits.push({ path: '', message: 'the options must be an object such as { timeoutMs: 300 }' });
  }
  if (misfits.length > 0) throw new ConfigError('Bad guard options', misfits);
  // What is undefined was not given.
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  );
  const config: CheckedGuardOptions<Alt> = { ...defaults, ...given };
  const problems: Problem[] = [];
  checkKeys(config, known, '', problems);
  checkNumbers(config, least, '', problems);
  for (const path of switches) expectType(config, path, 'boolean', problems);
  for (const path of functions) expectType(config, path, 'function', problems);
  if (config.window !== undefined) checkWindow(config.window, problems);
  if (config.policy !== undefined && !isPolicy(config.policy)) {
    problems.push({
      path: 'policy',
      message: 'must be a cockatiel policy, such as retry(handleAll)',
    });
  }
  if (problems.length > 0) throw new ConfigError('Bad guard options', problems);
  if (config.failures === undefined && config.window === undefined) config.failures = 5;
  return config;
}

function checkWindow(window: unknown, problems: Problem[]): void {
  if (typeof window !== 'object' || window === null) {
    problems.push({ path: 'window', message: 'must be an object such as { failureShare: 0.5 }' });
    return;
  }
  checkKeys(window, [...Object.keys(leastOfWindow), ...shares], 'window.', problems);
  checkNumbers(window, leastOfWindow, 'window.', problems);
  for (const name of shares) {
    const value: unknown = Reflect.get(window, name);
    if (value === undefined || (typeof value === 'number' && value > 0 && value <= 1)) continue;
    problems.push({ path: `window.${name}`, message: 'must be over 0 and at most 1' });
  }
}

function checkKeys(value: object, names: readonly string[], at: string, problems: Problem[]): void {
  for (const name of Object.keys(value)) {
    if (names.includes(name)) continue;
    problems.push({ path: `${at}${name}`, message: `unknown key${didYouMean(name, names)}` });
  }
}

function checkNumbers(
  config: object,
  minima: Readonly<Record<string, number>>,
  at: string,
  problems: Problem[],
): void {
  for (const [name, minimum] of Object.entries(minima)) {
    const value: unknown = Reflect.get(config, name);
    if (value === undefined) continue;
    const fits = typeof value === 'number' && Number.isInteger(value);
    if (fits && value >= minimum && value <= most) continue;
    problems.push({
      path: `${at}${name}`,
      message: `must be a whole number from ${minimum} to ${most}`,
    });
  }
}

function expectType(config: object, path: string, type: string, problems: Problem[]): void {
  const value: unknown = Reflect.get(config, path);
  if (value === undefined || typeof value === type) return;
  problems.push({ path, message: `must be a ${type}` });
}

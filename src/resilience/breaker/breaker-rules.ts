import { ConsecutiveBreaker } from 'cockatiel';
import type { BreakerWindow } from '../../config/breaker-window.ts';
import { RollingWindow } from './rolling-window.ts';

/** Decides when a breaker opens. Both answers: whether it must open now. */
export interface BreakerRule {
  failed(now: number): boolean;
  succeeded(durationMs: number, now: number): boolean;
  /** Forgets what it has seen: the breaker has closed. */
  reset(): void;
  /** Why it opened, for the message of a refusal. */
  readonly reason: string;
}

/** Opens after failures in a row. */
export function consecutiveRule(failures: number): BreakerRule {
  const breaker = new ConsecutiveBreaker(failures);
  return {
    reason: `it failed ${failures} times in a row`,
    failed: () => breaker.failure(),
    succeeded() {
      breaker.success();
      return false;
    },
    reset: () => breaker.success(),
  };
}

const [calls, failures, slow] = [0, 1, 2];

/**
 * Opens on a share of the calls of the last while, as soon as there are enough of them to judge. Time
 * is the guard's monotonic clock: what happened before the window never counts.
 */
export function windowRule(window: BreakerWindow): BreakerRule {
  const { ms = 10_000, buckets = 10, minimumCalls = 20 } = window;
  const { failureShare = 0.5, slowMs = Number.POSITIVE_INFINITY, slowShare = 1 } = window;
  const seen = new RollingWindow(ms, buckets, 3);
  let reason = '';

  function mustOpen(now: number): boolean {
    const total = seen.total(calls, now);
    if (total < minimumCalls) return false;
    const failed = seen.total(failures, now);
    const bad = failed + seen.total(slow, now);
    const fails = failed >= failureShare * total;
    if (!fails && (slowMs === Number.POSITIVE_INFINITY || bad < slowShare * total)) return false;
    reason = fails
      ? `${failed} of its last ${total} calls failed`
      : `${bad} of its last ${total} calls failed or took over ${slowMs} ms`;
    return true;
  }

  return {
    get reason() {
      return reason;
    },
    failed(now) {
      seen.add(calls, now);
      seen.add(failures, now);
      return mustOpen(now);
    },
    succeeded(durationMs, now) {
      seen.add(calls, now);
      if (durationMs < slowMs) return false;
      seen.add(slow, now);
      return mustOpen(now);
    },
    reset: () => seen.clear(),
  };
}

/** Opens when one of them says so. */
export function eitherRule(first: BreakerRule, second: BreakerRule): BreakerRule {
  let reason = '';
  const because = (rule: BreakerRule, opens: boolean) => {
    if (opens) reason = rule.reason;
    return opens;
  };
  return {
    get reason() {
      return reason;
    },
    failed(now) {
      const opens = because(first, first.failed(now));
      return because(second, second.failed(now)) || opens;
    },
    succeeded(durationMs, now) {
      const opens = because(first, first.succeeded(durationMs, now));
      return because(second, second.succeeded(durationMs, now)) || opens;
    },
    reset() {
      first.reset();
      second.reset();
    },
  };
}

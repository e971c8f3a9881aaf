import { OverloadError } from '../../errors/call-error.ts';
import { RollingWindow } from '../breaker/rolling-window.ts';
import { withoutStack } from '../retry/refusal.ts';
import type { Priority } from './priority.ts';

const windowMs = 10_000;
const buckets = 10;
/** Below this, chance rules: one failure of one call would refuse every second call after it. */
const minimumRequests = 20;
const [requests, accepted] = [0, 1];

/** Requests for each accepted one, above which some are refused here. */
const multiples: Record<Priority, number> = { critical: 4, default: 2, sheddable: 1.5 };

/**
 * Refuses a share of the calls to an endpoint that turns most of them away, since turning them away
 * is work too: `p = max(0, (requests − K · accepted) ÷ (requests + 1))` over the last ten seconds,
 * with K = 2, for critical calls 4, for sheddable ones 1.5.
 *
 * Source: Site Reliability Engineering, "Handling Overload", client-side throttling.
 */
export class Throttle {
  readonly #name: string;
  readonly #random: () => number;
  readonly #seen = new RollingWindow(windowMs, buckets, 2);
  #isActive = false;

  constructor(name: string, random: () => number) {
    this.#name = name;
    this.#random = random;
  }

  /** @throws {OverloadError} */
  check(priority: Priority, now: () => number): void {
    if (!this.#isActive) return;
    const at = now();
    const share = this.share(priority, at);
    if (share === 0 || this.#random() >= share) return;
    this.#seen.add(requests, at);
    throw withoutStack(
      () =>
        new OverloadError(
          `'${this.#name}' turns most calls away, so ${Math.round(share * 100)} % are not sent. ` +
            'Slow down, or try later.',
          { context: { guard: this.#name } },
        ),
    );
  }

  /** A request has ended. */
  record(isAccepted: boolean, now: number): void {
    this.#seen.add(requests, now);
    if (isAccepted) this.#seen.add(accepted, now);
    else this.#isActive = true;
  }

  /** The share of calls that is refused now. */
  share(priority: Priority, now: number): number {
    const asked = this.#seen.total(requests, now);
    const taken = this.#seen.total(accepted, now);
    if (asked === taken) this.#isActive = false;
    if (asked < minimumRequests) return 0;
    return Math.max(0, (asked - multiples[priority] * taken) / (asked + 1));
  }

  /** The endpoint is back: how it was before says nothing. */
  reset(): void {
    this.#seen.clear();
    this.#isActive = false;
  }
}

import { ConfigError } from '../errors/config-error.ts';
import { UnverifiedError } from '../errors/database-error.ts';
import { isLockedOut } from '../errors/driver-fault.ts';
import { type ErrorCode, isMeridianError } from '../errors/meridian-error.ts';
import type { Call } from '../execution/call.ts';
import type { Admission } from '../execution/executor.ts';
import type { Upkeep } from '../execution/upkeep.ts';
import type { Observer } from '../observability/events.ts';
import { Deadline } from '../resilience/time/deadline.ts';
import { type Endpoint, endpointKey } from '../topology/topology.ts';

/** Between two looks at an endpoint that nobody asks for. */
const lookAgainMs = 1_000;
/** Between two looks at one that callers ask for. */
const soonestMs = 100;
const checkTimeoutMs = 3_000;
/** For how long one that does not let this process in counts as down, unless it does so again. */
const lockedOutMs = 10_000;
/** How long a caller waits for a look that has begun: one at a server that is up takes less. */
const patienceMs = 250;

/** `refused`: it was asked, and is not what the topology means. */
export type EndpointState = 'verified' | 'unverified' | 'refused';

/** When work on an endpoint last failed, and how. */
export interface EndpointFault {
  readonly code: ErrorCode;
  /** ISO 8601. */
  readonly at: string;
}

/** What says something about the endpoint, not about its callers or their statements. */
const faults = new Set<ErrorCode>([
  'MERIDIAN_UNAVAILABLE',
  'MERIDIAN_TIMEOUT',
  'MERIDIAN_UNKNOWN_OUTCOME',
  'MERIDIAN_OVERLOAD',
]);

/** Why one is refused that is not to be verified: nothing knows what it must be. */
const unknown = new Error('no topology that is in use leads there, or not any more');

/** An endpoint that takes no traffic yet, or never will. */
interface Barred {
  readonly endpoint: Endpoint;
  state: Exclude<EndpointState, 'verified'>;
  why: unknown;
  look: Promise<void> | undefined;
  lookedAt: number;
}

/**
 * Lets traffic only to endpoints of which it is certain that they are what the topology means. Those
 * that were down when the data layer started are looked at again until they answer: by callers who
 * want them, who share one look, and now and then without any. One that turns out wrong stays out.
 */
export class EndpointGate implements Admission {
  readonly #check: (endpoint: Endpoint, call: Call) => Promise<void>;
  readonly #upkeep: Upkeep;
  readonly #observe: Observer;
  /** By key, as those that are barred: one that has another address by now is another one. */
  readonly #verified = new Set<string>();
  /** Endpoints whose keys are among them, of whatever snapshot. */
  #known = new WeakSet<Endpoint>();
  readonly #barred = new Map<string, Barred>();
  readonly #lastFaults = new Map<string, EndpointFault>();
  readonly #lockedOutUntil = new Map<string, number>();

  /** @param check rejects with a ConfigError when the endpoint is not the one that is meant. */
  constructor(
    endpoints: readonly Endpoint[],
    check: (endpoint: Endpoint, call: Call) => Promise<void>,
    upkeep: Upkeep,
    observe: Observer,
  ) {
    this.#check = check;
    this.#upkeep = upkeep;
    this.#observe = observe;
    for (const endpoint of endpoints) this.#bar(endpoint);
  }

  /** These endpoints were found to be what is meant. */
  open(endpoints: readonly Endpoint[]): void {
    for (const endpoint of endpoints) this.#verify(endpoint);
  }

  /** From now on the others are looked at until they answer. */
  watch(): void {
    for (const barred of this.#barred.values()) this.#lookLater(barred);
  }

  /**
   * Another snapshot comes into force: of its endpoints those take traffic that are named as verified, the others
   * once they answer and fit. Calls on the one before find its endpoints as they were.
   */
  adopt(endpoints: readonly Endpoint[], verified: readonly Endpoint[]): void {
    const open = new Set(verified.map(endpointKey));
    this.#barred.clear();
    this.#known = new WeakSet();
    for (const endpoint of endpoints) {
      const key = endpointKey(endpoint);
      if (!this.#verified.has(key)) {
        // What failed was at another address.
        this.#lastFaults.delete(endpoint.name);
        this.#lockedOutUntil.delete(endpoint.name);
      }
      if (open.has(key)) {
        this.#verified.add(key);
        continue;
      }
      this.#verified.delete(key);
      this.#lookLater(this.#bar(endpoint));
    }
  }

  /** No snapshot that is in use names it any more: it would have to be verified anew. */
  forget(endpoint: Endpoint): void {
    this.#verified.delete(endpointKey(endpoint));
    this.#known = new WeakSet();
  }

  stateOf(endpoint: Endpoint): EndpointState {
    if (this.#isVerified(endpoint)) return 'verified';
    return this.#barredAs(endpoint)?.state ?? 'unverified';
  }

  admit(endpoint: Endpoint, deadline: Deadline): Promise<void> | undefined {
    return this.#isVerified(endpoint) ? undefined : this.#await(endpoint, deadline);
  }

  whyNot(endpoint: Endpoint): string | undefined {
    if (this.#isVerified(endpoint)) return undefined;
    const { why } = this.#barredAs(endpoint) ?? { why: unknown };
    return `it takes no traffic until it was verified, and it was not so far: ${messageOf(why)}`;
  }

  failed({ name }: Endpoint, error: unknown): void {
    if (!isMeridianError(error)) return;
    const isOut = isLockedOut(error.cause);
    if (isOut) this.#lockedOutUntil.set(name, performance.now() + lockedOutMs);
    else if (!faults.has(error.code)) return;
    this.#lastFaults.set(name, { code: error.code, at: new Date().toISOString() });
  }

  /** Whether it has not let this process in of late: calls that found a connection may have succeeded. */
  isLockedOut({ name }: Endpoint): boolean {
    return performance.now() < (this.#lockedOutUntil.get(name) ?? 0);
  }

  lastFaultOf({ name }: Endpoint): EndpointFault | undefined {
    return this.#lastFaults.get(name);
  }

  #isVerified(endpoint: Endpoint): boolean {
    if (this.#known.has(endpoint)) return true;
    const isVerified = this.#verified.has(endpointKey(endpoint));
    if (isVerified) this.#known.add(endpoint);
    return isVerified;
  }

  #barredAs(endpoint: Endpoint): Barred | undefined {
    return this.#barred.get(endpointKey(endpoint));
  }

  #bar(endpoint: Endpoint): Barred {
    const barred: Barred = {
      endpoint,
      state: 'unverified',
      why: new Error('it has not been asked yet'),
      look: undefined,
      lookedAt: Number.NEGATIVE_INFINITY,
    };
    this.#barred.set(endpointKey(endpoint), barred);
    return barred;
  }

  #verify(endpoint: Endpoint): void {
    const key = endpointKey(endpoint);
    this.#verified.add(key);
    this.#barred.delete(key);
  }

  /** Whether it is the one that is barred now: another snapshot has others. */
  #isCurrent(barred: Barred): boolean {
    return this.#barredAs(barred.endpoint) === barred;
  }

  async #await(endpoint: Endpoint, deadline: Deadline): Promise<void> {
    const barred = this.#barredAs(endpoint);
    if (barred === undefined) throw refusal({ endpoint, state: 'unverified', why: unknown });
    if (barred.state === 'unverified') await this.#lookFor(barred, deadline);
    if (!this.#isVerified(endpoint)) throw refusal(barred);
  }

  async #lookFor(barred: Barred, deadline: Deadline): Promise<void> {
    if (barred.look === undefined && performance.now() >= barred.lookedAt + soonestMs) {
      this.#look(barred);
    }
    const leftMs = barred.lookedAt + patienceMs - performance.now();
    if (barred.look === undefined || leftMs <= 0) return;
    const patience = new Deadline(leftMs);
    try {
      await deadline.race(Promise.race([barred.look, patience.pause(leftMs + 1)]));
    } catch {
      // Whichever of them is over, whether the endpoint is open by now is asked of the gate.
    } finally {
      patience.end();
    }
    if (deadline.reason !== undefined) throw deadline.reason;
  }

  #look(barred: Barred): void {
    if (!this.#upkeep.isOpen) return;
    barred.lookedAt = performance.now();
    const look = async (call: Call) => {
      await this.#check(barred.endpoint, call);
      this.#passed(barred);
    };
    barred.look = this.#upkeep
      .run(checkTimeoutMs, look, (error) => this.#failed(barred, error))
      .finally(() => {
        barred.look = undefined;
        this.#lookLater(barred);
      });
  }

  #lookLater(barred: Barred): void {
    if (barred.state === 'refused' || !this.#isCurrent(barred)) return;
    const { lookedAt } = barred;
    this.#upkeep.later(lookAgainMs, () => {
      // A caller may have wanted a look meanwhile, after which comes the next one.
      if (barred.lookedAt === lookedAt) this.#look(barred);
    });
  }

  #passed(barred: Barred): void {
    if (!this.#isCurrent(barred)) return;
    const { endpoint } = barred;
    this.#verify(endpoint);
    this.#observe({ type: 'endpoint-verified', endpoint: endpoint.name });
  }

  #failed(barred: Barred, why: unknown): void {
    if (!this.#isCurrent(barred)) return;
    const isNews = messageOf(why) !== messageOf(barred.why);
    barred.why = why;
    if (why instanceof ConfigError) barred.state = 'refused';
    const { name } = barred.endpoint;
    this.failed(barred.endpoint, why);
    if (!isNews) return;
    this.#observe({ type: 'endpoint-fault', endpoint: name, message: messageOf(why) });
  }
}

/** A primary that is wrong is a mistake to correct; in the place of a replica others can answer. */
function refusal({ endpoint, state, why }: Pick<Barred, 'endpoint' | 'state' | 'why'>): Error {
  if (state === 'refused' && why instanceof ConfigError && endpoint.role === 'primary') {
    return new ConfigError('The databases do not fit', why.problems);
  }
  const context = { shard: endpoint.shard, endpoint: endpoint.name, verified: false };
  return new UnverifiedError(
    `${endpoint.name} takes no traffic until it was verified, and it was not so far: ${messageOf(why)}`,
    { cause: why, context },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import { AbortedError, CircuitOpenError, OverloadError } from '../errors/call-error.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import type { Observer } from '../observability/events.ts';
import { LatencyQuantile } from '../resilience/admission/latency-quantile.ts';
import { Outliers } from '../resilience/breaker/outliers.ts';
import { classifyError } from '../resilience/retry/classify.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Endpoint } from '../topology/topology.ts';
import type { Retries } from './retries.ts';

/** Before it is known how long reads take, and at least. */
const firstDelayMs = 50;
const leastDelayMs = 1;

/** One of perhaps two ways in which a read is asked for. */
export interface Asked {
  /** Whether the other one has answered, so that nothing more is tried. */
  readonly hasBegun?: () => boolean;
  /** Whether this is the second one. */
  readonly isRepeat?: boolean;
}

type Read<T> = (endpoints: readonly Endpoint[], deadline: Deadline, asked?: Asked) => Promise<T>;

interface Peers {
  readonly outliers: Outliers;
  readonly latencies: LatencyQuantile;
}

/**
 * Reads that several endpoints of a shard may answer. Those that do worse than their peers are asked
 * last; and a read that takes longer than 95 of 100 do is sent to the next endpoint as well, within
 * the shard's retry budget: whichever answers first.
 *
 * Source: J. Dean and L. A. Barroso, "The Tail at Scale", CACM 2013 (hedged requests).
 */
export class ReplicaReads {
  readonly #retries: Retries;
  readonly #observe: Observer;
  readonly #isHedging: boolean;
  readonly #peers = new Map<string, Peers>();

  constructor(retries: Retries, isHedging: boolean, observe: Observer) {
    this.#retries = retries;
    this.#isHedging = isHedging;
    this.#observe = observe;
  }

  /** The endpoints with the outliers last. */
  inOrder(endpoints: readonly Endpoint[]): readonly Endpoint[] {
    const peers = this.#peers.get(endpoints[0]?.shard ?? '');
    if (peers === undefined) return endpoints;
    const ejected = endpoints.filter(({ name }) => peers.outliers.isEjected(name));
    if (ejected.length === 0) return endpoints;
    return [...endpoints.filter((endpoint) => !ejected.includes(endpoint)), ...ejected];
  }

  /** A replica was asked, and this came of it. */
  record(endpoint: Endpoint, durationMs: number, failure?: unknown): void {
    const isWell = failure === undefined || !saysItIsUnwell(failure);
    this.#peers.get(endpoint.shard)?.outliers.record(endpoint.name, isWell, durationMs);
  }

  async read<T>(endpoints: readonly Endpoint[], deadline: Deadline, read: Read<T>): Promise<T> {
    const { latencies } = this.#peersOf(endpoints);
    const startedAt = performance.now();
    const delayMs = Math.max(leastDelayMs, latencies.p95Ms ?? firstDelayMs);
    const result = await (this.#isHedging
      ? this.#hedged(this.inOrder(endpoints), deadline, delayMs, read)
      : read(this.inOrder(endpoints), deadline));
    latencies.record(performance.now() - startedAt);
    return result;
  }

  #hedged<T>(
    endpoints: readonly Endpoint[],
    deadline: Deadline,
    delayMs: number,
    read: Read<T>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      let running = 0;
      let isOver = false;
      let firstFailure: unknown;
      const end = () => {
        isOver = true;
        clearTimeout(timer);
        stopListening();
      };
      const ask = (order: readonly Endpoint[], isRepeat: boolean) => {
        running++;
        // Its own: whoever is second may end in peace, for cancelling it would cost a connection.
        const own = deadline.part(Math.max(1, deadline.remainingMs));
        asked.push(own);
        read(order, own, { hasBegun: () => isOver, isRepeat })
          .then(
            (value) => {
              if (!isOver) end();
              resolve(value);
            },
            (error: unknown) => {
              firstFailure ??= error;
              if (--running > 0 || isOver) return;
              end();
              reject(firstFailure);
            },
          )
          .finally(() => own.end());
      };
      const asked: Deadline[] = [];
      const [first, ...others] = endpoints;
      const shard = first?.shard ?? '';
      const hedge = () => {
        if (first === undefined || !this.#retries.allowsHedge(shard)) return;
        this.#observe({ type: 'hedge', shard, afterMs: delayMs });
        ask([...others, first], true);
      };
      const timer = setTimeout(hedge, Math.min(delayMs, deadline.remainingMs));
      const stopListening = deadline.onCancel((reason) => {
        isOver = true;
        clearTimeout(timer);
        for (const own of asked) own.cancel(reason);
        reject(reason);
      });
      if (!isOver) ask(endpoints, false);
    });
  }

  #peersOf(endpoints: readonly Endpoint[]): Peers {
    const shard = endpoints[0]?.shard ?? '';
    let peers = this.#peers.get(shard);
    if (peers === undefined) {
      const replicas = endpoints.filter(({ role }) => role === 'replica').map(({ name }) => name);
      const outliers = new Outliers(replicas, ({ name, because, forMs }) =>
        this.#observe({ type: 'ejected', endpoint: name, because, forMs }),
      );
      peers = { outliers, latencies: new LatencyQuantile() };
      this.#peers.set(shard, peers);
    }
    return peers;
  }
}

function saysItIsUnwell(failure: unknown): boolean {
  if (!isMeridianError(failure) || failure instanceof AbortedError) return false;
  // Refused on this side: it was not asked.
  if (failure instanceof CircuitOpenError || failure instanceof OverloadError) return false;
  return classifyError(failure).serverFault;
}

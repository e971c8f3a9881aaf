import { setImmediate } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { ConfigError, type Problem } from '../errors/config-error.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import type { Call } from '../execution/call.ts';
import type { Observer } from '../observability/events.ts';
import { createBackoff } from '../resilience/retry/backoff.ts';
import { createTopology } from '../topology/create-topology.ts';
import { pause } from '../topology/sources/pause.ts';
import type { TopologySource } from '../topology/sources/topology-source.ts';
import type { Topology } from '../topology/topology.ts';
import type { TopologyStore } from '../topology/topology-store.ts';
import { keepLastGood } from './last-good.ts';
import type { RefusedTopology, TopologyStatus } from './topology-status.ts';
import { untilAborted } from './until-aborted.ts';

/** Between two tries of what failed because a server was not to be had. */
const backoff = { baseMs: 250, maxMs: 30_000 };
/** Between two tries to follow the source, which may pause by itself. */
const sourceBackoff = { baseMs: 250, maxMs: 2_000 };

/** What a data layer started on. */
export interface FirstTopology {
  readonly document: unknown;
  readonly from: TopologyStatus['from'];
}

export interface FollowerParts {
  readonly source: TopologySource;
  readonly first: FirstTopology;
  readonly store: TopologyStore;
  readonly observe: Observer;
  /** Where documents that are in force are kept, if anywhere. */
  readonly lastGood: string | undefined;
  /** Puts a topology in force, or throws why it can't be. */
  adopt(topology: Topology, signal: AbortSignal): Promise<void>;
}

/** A document on its way into force; of many that come meanwhile the newest follows. */
interface Offer {
  readonly document: unknown;
  readonly at: string;
}

/**
 * Follows a source: puts each document in force that is newer, one after the other, and knows why one was not.
 * What the source or a server fails at is tried again; what is refused stays so until another document comes.
 */
export class TopologyFollower {
  readonly #parts: FollowerParts;
  readonly #closing = new AbortController();
  /** Settles when the offers before have been dealt with. */
  #last: Promise<void> = Promise.resolve();
  #newest: Offer | undefined;
  /** A copy: whose object it is may change it. */
  #document: unknown;
  #from: TopologyStatus['from'];
  #since = new Date().toISOString();
  #refused: RefusedTopology | null = null;
  #fault: TopologyStatus['fault'] = null;
  #watching: Promise<void> = Promise.resolve();
  #kept: Promise<void> = Promise.resolve();
  #nextRetry = createBackoff(backoff);

  constructor(parts: FollowerParts) {
    this.#parts = parts;
    this.#document = structuredClone(parts.first.document);
    this.#from = parts.first.from;
  }

  start(): void {
    this.#watching = this.#watch();
    void this.#keep(this.#document);
  }

  status(): TopologyStatus {
    const { source, store } = this.#parts;
    const { epoch, revision } = store.current;
    return {
      epoch,
      revision,
      source: source.name,
      from: this.#from,
      since: this.#since,
      isWatched: source.watch !== undefined,
      refused: this.#refused,
      fault: this.#fault,
    };
  }

  /**
   * Asks the source now, and puts its document in force if it is a newer one.
   *
   * @throws {ConfigError} when it is refused; what the source throws; {@link UnavailableError} or {@link TimeoutError} when
   * a server does not answer, and then it is tried again.
   */
  async reload(call: Call): Promise<TopologyStatus> {
    const { signal } = this.#closing;
    const document = await call.race(this.#parts.source.load(signal));
    await call.race(this.#offer(document));
    return this.status();
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('The data layer is closing.'));
    await this.#watching;
    await this.#last.catch(() => undefined);
    await this.#kept;
  }

  async #watch(): Promise<void> {
    const { source } = this.#parts;
    const { signal } = this.#closing;
    let nextPause = createBackoff(sourceBackoff);
    while (source.watch !== undefined && !signal.aborted) {
      try {
        for await (const document of untilAborted(source.watch(signal), signal)) {
          this.#sourceAnswers();
          nextPause = createBackoff(sourceBackoff);
          // Documents that come meanwhile are not waited for: what became of this one is in the status.
          this.#offer(document).catch(() => undefined);
          // A source that never waits would let nobody else have a turn.
          await setImmediate();
        }
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#sourceFails(error);
        await pause(nextPause(), signal);
      }
    }
  }

  /** Deals with a document after those before it. Rejects with why it is not in force. */
  #offer(document: unknown): Promise<void> {
    this.#nextRetry = createBackoff(backoff);
    // Whose object it is may change it meanwhile.
    return this.#put({ document: structuredClone(document), at: new Date().toISOString() });
  }

  #put(offer: Offer): Promise<void> {
    this.#newest = offer;
    const done = this.#last.catch(() => undefined).then(() => this.#take(offer));
    this.#last = done;
    return done;
  }

  async #take(offer: Offer): Promise<void> {
    const { signal } = this.#closing;
    if (signal.aborted) throw signal.reason;
    // A newer one came: this one would be in force for a moment only.
    if (this.#newest !== offer) return;
    if (isDeepStrictEqual(offer.document, this.#document)) {
      this.#from = 'source';
      this.#refused = null;
      return;
    }
    const problems: Problem[] = [];
    let topology: Topology | undefined;
    try {
      topology = createTopology(offer.document, problems);
      if (topology === undefined) throw new ConfigError('Bad topology', problems);
      await this.#parts.adopt(topology, signal);
    } catch (error) {
      if (!signal.aborted) this.#refuse(offer, topology, error);
      throw error;
    }
    this.#document = offer.document;
    this.#from = 'source';
    this.#since = new Date().toISOString();
    this.#refused = null;
    await this.#keep(offer.document);
  }

  #refuse(offer: Offer, topology: Topology | undefined, error: unknown): void {
    const isRetried = isMeridianError(error) && error.retryable;
    const message = error instanceof Error ? error.message : String(error);
    const isNews = this.#refused?.message !== message;
    this.#refused = {
      epoch: topology?.epoch,
      at: offer.at,
      message,
      problems: error instanceof ConfigError ? error.problems : [],
      isRetried,
    };
    const { source, observe } = this.#parts;
    if (isNews) {
      observe({
        type: 'topology-refused',
        source: source.name,
        epoch: topology?.epoch,
        message,
        isRetried,
      });
    }
    if (isRetried) void this.#retry(offer);
  }

  async #retry(offer: Offer): Promise<void> {
    const { signal } = this.#closing;
    await pause(this.#nextRetry(), signal);
    if (signal.aborted || this.#newest !== offer) return;
    // Why it failed again is in the status.
    await this.#put(offer).catch(() => undefined);
  }

  /** After the one before it. */
  #keep(document: unknown): Promise<void> {
    const { lastGood } = this.#parts;
    if (lastGood !== undefined)
      this.#kept = this.#kept.then(() => this.#keepIn(lastGood, document));
    return this.#kept;
  }

  async #keepIn(lastGood: string, document: unknown): Promise<void> {
    const { observe, source } = this.#parts;
    try {
      await keepLastGood(lastGood, document);
    } catch (error) {
      // It serves a later start; this process has what it needs.
      const message = `The topology could not be kept in ${lastGood}: ${messageOf(error)}`;
      observe({ type: 'topology-source', source: source.name, state: 'unkept', message });
    }
  }

  #sourceAnswers(): void {
    if (this.#fault === null) return;
    this.#fault = null;
    const { source, observe } = this.#parts;
    observe({ type: 'topology-source', source: source.name, state: 'up', message: '' });
  }

  #sourceFails(error: unknown): void {
    const message = messageOf(error);
    if (this.#fault?.message === message) return;
    this.#fault = { message, since: this.#fault?.since ?? new Date().toISOString() };
    const { source, observe } = this.#parts;
    observe({ type: 'topology-source', source: source.name, state: 'down', message });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

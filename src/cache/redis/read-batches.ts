import type { Witness } from '../trust.ts';
import type { RedisLink } from './links/redis-link.ts';

/** Told what is under a key; undefined when Redis can't tell. */
export type OnReading = (text: string | null | undefined, asked: Asked) => void;

/** A question put to a server. */
export interface Asked {
  readonly server: string;
  readonly witness: Witness;
  /** When it was sent. Milliseconds on the monotonic clock. */
  readonly atMs: number;
  /** The same moment in milliseconds since 1970. */
  readonly wallMs: number;
}

/** Sends what was gathered, and resolves when all of it was answered. */
export type SendReads = (link: RedisLink, batch: ReadBatch) => Promise<void>;

/** Reads that leave as one command, by key. */
export class ReadBatch {
  readonly keys: string[] = [];
  readonly #places = new Map<string, number>();
  readonly #readings: (OnReading | OnReading[])[] = [];

  add(key: string, onReading: OnReading): void {
    const place = this.#places.get(key);
    if (place === undefined) {
      this.#places.set(key, this.keys.push(key) - 1);
      this.#readings.push(onReading);
      return;
    }
    const others = this.#readings[place];
    if (typeof others === 'function') this.#readings[place] = [others, onReading];
    else others?.push(onReading);
  }

  /** Tells those who asked for a key, named by its place in `keys`. */
  answer(place: number, text: string | null | undefined, asked: Asked): void {
    const readings = this.#readings[place];
    if (typeof readings === 'function') readings(text, asked);
    else for (const onReading of readings ?? []) onReading(text, asked);
  }

  placeOf(key: string): number {
    return this.#places.get(key) ?? -1;
  }
}

interface Lane {
  gathering: ReadBatch | undefined;
  /** Reads that have not been answered. */
  outstanding: number;
  /** The most of late; halved, it is the size at which a batch leaves before its tick ends. */
  peak: number;
}

const smallestHalf = 16;
/** No more than half of that travel together, however many there are. */
const mostTogether = 2_000;
const forgetting = 0.95;

/**
 * The reads of a tick leave at its end as one batch a server. Under load they leave in two halves, so
 * that the server works on one while this process works on the other.
 */
export class ReadBatches {
  readonly #lanes = new WeakMap<RedisLink, Lane>();
  readonly #send: SendReads;

  constructor(send: SendReads) {
    this.#send = send;
  }

  add(link: RedisLink, key: string, onReading: OnReading): void {
    const lane = this.#laneOf(link);
    let batch = lane.gathering;
    if (batch === undefined) {
      const opened = new ReadBatch();
      batch = opened;
      lane.gathering = opened;
      process.nextTick(() => {
        if (lane.gathering === opened) this.#leave(link, lane, opened);
      });
    }
    batch.add(key, onReading);
    const { length } = batch.keys;
    if (length >= smallestHalf && length >= lane.peak / 2) this.#leave(link, lane, batch);
  }

  #laneOf(link: RedisLink): Lane {
    let lane = this.#lanes.get(link);
    if (lane === undefined) {
      lane = { gathering: undefined, outstanding: 0, peak: mostTogether };
      this.#lanes.set(link, lane);
    }
    return lane;
  }

  #leave(link: RedisLink, lane: Lane, batch: ReadBatch): void {
    lane.gathering = undefined;
    const { length } = batch.keys;
    lane.outstanding += length;
    lane.peak = Math.min(mostTogether, Math.max(lane.outstanding, lane.peak * forgetting));
    void this.#send(link, batch).finally(() => {
      lane.outstanding -= length;
    });
  }
}

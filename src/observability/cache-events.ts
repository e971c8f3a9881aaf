import type { CallEvent } from './call-event.ts';

/** What happens in the caches. `table` is the table or, in `meridian/cache`, the namespace. */
export type CacheEvent =
  | {
      readonly type: 'cache';
      readonly table: string;
      readonly result: 'memory' | 'redis' | 'miss' | 'stale' | 'bypass';
      readonly keys: number;
    }
  | {
      /** Redis was asked. Told only where an observer wants it. */
      readonly type: 'cache-read';
      readonly table: string;
      readonly keys: number;
      /** For how many of them it had a value. */
      readonly found: number;
      readonly durationMs: number;
    }
  | {
      /** The source was asked. */
      readonly type: 'cache-load';
      readonly table: string;
      readonly keys: number;
      readonly durationMs: number;
      readonly outcome: 'done' | 'failed';
    }
  | {
      /** Another process was loading: its fill was waited for. */
      readonly type: 'cache-wait';
      readonly table: string;
      readonly keys: number;
      readonly durationMs: number;
    }
  | { readonly type: 'cache-fault'; readonly operation: string; readonly message: string }
  | {
      /**
       * `queued`: the keys that one Redis has yet to be told of, by name of the queue. `overflow`: there were
       * too many to remember; Redis is not asked until all that it holds of the cache is forgotten.
       */
      readonly type: 'cache-invalidation';
      readonly queue: string;
      readonly state: 'pending' | 'overflow' | 'recovered';
      readonly keys: number;
      readonly queued: number;
    }
  | {
      /** A Redis server is used, or left alone. */
      readonly type: 'cache-link';
      readonly redis: string;
      readonly state: 'up' | 'down';
      readonly reason?: string;
    }
  | {
      /** Invalidations may have been missed: what memory holds is not believed any more. */
      readonly type: 'cache-gap';
      readonly redis: string;
      readonly reason: string;
    }
  | {
      /** A sampled value was compared with its source. */
      readonly type: 'cache-shadow';
      readonly table: string;
      readonly outcome: 'same' | 'stale' | 'failed';
      /** Milliseconds since the value was loaded: the longest that it can have been out of date. */
      readonly ageMs: number;
    }
  | {
      /** Some keys take much of the reads. They are refreshed earlier. */
      readonly type: 'cache-hot';
      readonly table: string;
      readonly keys: number;
      /** The part of the sampled reads that they take, 0 to 1. */
      readonly share: number;
    };

/** What is told of each read that memory answers: the same every time. */
export type MemoryRead = CallEvent | Extract<CacheEvent, { type: 'cache' }>;

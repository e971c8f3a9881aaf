import { type Cache, createCache } from 'meridian/cache';
import type { Register } from '../source/registers.ts';
import { type CachePlan, timing } from './cache-plans.ts';
import { clientOf } from './given-redis.ts';
import type { RedisGiven } from './plan.ts';
import type { Recorder } from './recorder.ts';

const tallyMs = 500;

/** A cache under test, and how often it answered from where. */
export interface OpenCache {
  readonly name: string;
  readonly cache: Cache<Register>;
}

export function openCache(plan: CachePlan, given: RedisGiven, recorder: Recorder): OpenCache {
  const { name, memory, without = [] } = plan;
  const tally = { memory: 0, redis: 0, miss: 0, stale: 0 };
  const cache = createCache<Register>({
    ...timing,
    redis: clientOf(given, without),
    namespace: name,
    ...(memory ? {} : { memory: false }),
    observer: (event) => {
      if (event.type === 'cache' && event.result !== 'bypass') tally[event.result] += event.keys;
    },
  });
  const report = () => recorder.write({ is: 'tally', cache: name, ...tally });
  setInterval(report, tallyMs).unref();
  return { name, cache };
}

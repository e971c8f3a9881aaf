import { ConfigError, RoutingError } from 'meridian';
import { createGuard } from 'meridian/resilience';
import { describe, expect, it } from 'vitest';
import { Deadline } from '../../../src/resilience/time/deadline.ts';
import { locatePlace } from '../../../src/sharding/places/locate-place.ts';
import { failureOf } from '../../support/cluster.ts';

/** What JavaScript can write, and types refuse: a function that rejects where nobody waits for it. */
const late = Object(() => Promise.reject(new Error('late')));
const down = () => Promise.reject(new Error('down'));

describe('an async function where nobody can wait', () => {
  it('isFailure and retry of a guard are refused, and end no process', async () => {
    const judged = createGuard('judged', { isFailure: late });
    expect(await failureOf(judged.run(down))).toBeInstanceOf(ConfigError);
    const repeated = createGuard('repeated', { retries: 1 });
    const run = repeated.run(down, { retry: late });
    expect(await failureOf(run)).toMatchObject({ problems: [{ path: 'retry' }] });
  });

  it('place and locateIp are refused', async () => {
    expect(() => locatePlace(late(), undefined)).toThrow(RoutingError);
    expect(() => locatePlace({ ip: '192.0.2.1' }, late)).toThrow(RoutingError);
  });
});

it('a controller in place of its signal is refused, and leaves no timer behind', async () => {
  const signal = Object(new AbortController());
  expect(() => new Deadline(5, signal)).toThrow(ConfigError);
  const guard = createGuard('guarded');
  expect(await failureOf(guard.run(async () => 1, { signal, timeoutMs: 5 }))).toMatchObject({
    problems: [{ path: 'signal' }],
  });
  expect(await guard.run(async () => 2)).toBe(2);
});

it('what is no function is not run', async () => {
  const work = Object('no function');
  expect(await failureOf(createGuard('guarded').run(work))).toBeInstanceOf(ConfigError);
});

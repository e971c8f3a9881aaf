import {
  CircuitOpenError,
  ConfigError,
  OverloadError,
  StatementError,
  TimeoutError,
  UnavailableError,
} from 'meridian';
import { createGuard, type GuardOptions } from 'meridian/resilience';
import { describe, expect, it, vi } from 'vitest';
import { Guard, type GuardConfig } from '../../../src/resilience/guard.ts';
import { Deadline } from '../../../src/resilience/time/deadline.ts';
import { errorOf, held, manualClock, settled } from '../../support/calls.ts';

const fine = async () => 'fine';
const down = () => Promise.reject(new UnavailableError('down'));
const patient = () => new Deadline(Number.POSITIVE_INFINITY);
const httpError = (status: number) => Object.assign(new Error('http'), { response: { status } });

function guardWith(config: Partial<GuardConfig> = {}) {
  const clock = manualClock();
  const guard = new Guard(
    'stock',
    { concurrency: 10, queue: 100, failures: 1, openMs: 100, now: clock.now, ...config },
    () => {},
  );
  return { guard, clock };
}

describe('a deadline that passes', () => {
  /** A guard that knows that calls take ten milliseconds. */
  async function seasoned(config: Partial<GuardConfig> = {}) {
    const { guard, clock } = guardWith(config);
    for (let call = 0; call < 20; call++) {
      await guard.admit(async () => clock.pass(10), patient());
    }
    const cutOffAfter = async (ms: number) => {
      const deadline = patient();
      const work = () => {
        clock.pass(ms);
        deadline.cancel(new TimeoutError('late'));
        return Promise.reject(deadline.reason);
      };
      return errorOf(guard.admit(work, deadline));
    };
    return { guard, clock, cutOffAfter };
  }

  it('says nothing against who had not been given the time that calls take', async () => {
    const { guard, cutOffAfter } = await seasoned();
    for (let call = 0; call < 10; call++) {
      expect(await cutOffAfter(29)).toBeInstanceOf(TimeoutError);
    }
    expect(guard.state).toBe('closed');
    await cutOffAfter(30);
    expect(guard.state).toBe('open');
  });

  it('has the endpoint probed, which tells a busy one from a dead one', async () => {
    let isAlive = true;
    let probes = 0;
    const probe = async () => {
      probes++;
      if (!isAlive) throw new Error('dead');
    };
    const { guard, cutOffAfter } = await seasoned({ probe, stallMs: 20 });
    for (let call = 0; call < 10; call++) await cutOffAfter(100);
    await settled();
    expect(guard.state).toBe('closed');
    expect(probes).toBe(1);
    isAlive = false;
    await vi.waitFor(async () => {
      await cutOffAfter(100);
      await settled();
      expect(guard.state).toBe('open');
    });
    guard.close();
  });

  it('counts in a window, which is asked for shares', async () => {
    const window = { ms: 10_000, minimumCalls: 25, failureShare: 0.2, slowMs: 50 };
    const { guard, cutOffAfter } = await seasoned({ probe: fine, stallMs: 20, window });
    for (let call = 0; call < 5; call++) await cutOffAfter(100);
    expect(guard.state).toBe('open');
    guard.close();
  });

  it('soon after a turn has come keeps the call from being begun', async () => {
    const { guard } = await seasoned({ concurrency: 1 });
    const running = held();
    const first = guard.admit(running.work, patient());
    const next = held();
    const waiting = errorOf(guard.admit(next.work, new Deadline(25)));
    running.resolve('done');
    await first;
    expect(await waiting).toBeInstanceOf(OverloadError);
    expect(next.calls).toBe(0);
    expect(guard.snapshot()).toMatchObject({ running: 0, queued: 0 });
  });
});

describe('the adaptive limit of a guard', () => {
  it('has room for what lasts as long as its caller likes, and may wait for others', async () => {
    const { guard, clock } = guardWith({ concurrency: 8, adaptive: true });
    const atOnce = async (calls: number, ms: number) => {
      const running = Array.from({ length: calls }, () => held());
      const ended = running.map(({ work }) => guard.admit(work, patient()));
      clock.pass(ms);
      for (const { resolve } of running) resolve('done');
      await Promise.all(ended);
    };
    for (let batch = 0; batch < 400; batch++) await atOnce(8, 1);
    for (let batch = 0; batch < 60; batch++) await atOnce(guard.snapshot().limit, 40);
    const { limit } = guard.snapshot();
    expect(limit).toBeLessThan(7);
    const transaction = held();
    const lasting = guard.admit(transaction.work, patient(), { timed: false });
    expect(guard.snapshot().limit).toBe(limit + 1);
    transaction.resolve('committed');
    await lasting;
    expect(guard.snapshot()).toMatchObject({ limit, running: 0 });
  });
});

describe('after the breaker has closed', () => {
  it('calls come back little by little, not all at once', async () => {
    const { guard, clock } = guardWith({ rampMs: 1_000 });
    await errorOf(guard.admit(down, patient()));
    clock.pass(100);
    await guard.admit(fine, patient());
    const calls = Array.from({ length: 10 }, () => held());
    const running = () => calls.filter((call) => call.calls > 0).length;
    for (const { work } of calls) void guard.admit(work, patient());
    expect(running()).toBe(1);
    expect(guard.snapshot()).toMatchObject({ state: 'closed', limit: 1, running: 1, queued: 9 });
    clock.pass(500);
    // The place of the probe, and half of the other nine.
    expect(guard.snapshot().limit).toBe(6);
    const other = errorOf(guard.admit(fine, patient()));
    await settled();
    expect(running()).toBe(6);
    clock.pass(500);
    calls[0]?.resolve('back');
    await settled();
    expect(running()).toBe(10);
    for (const { resolve } of calls) resolve('back');
    expect(await other).toBeUndefined();
    expect(guard.snapshot()).toMatchObject({ limit: 10, running: 0, queued: 0 });
    guard.close();
  });

  it('the room grows also while nothing ends', async () => {
    vi.useFakeTimers();
    try {
      const { guard } = guardWith({ rampMs: 1_000, now: () => performance.now() });
      await errorOf(guard.admit(down, patient()));
      await vi.advanceTimersByTimeAsync(100);
      await guard.admit(fine, patient());
      const calls = Array.from({ length: 10 }, () => held());
      for (const { work } of calls) void guard.admit(work, patient());
      await vi.advanceTimersByTimeAsync(1_100);
      expect(calls.every((call) => call.calls === 1)).toBe(true);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('an opening breaker', () => {
  it('refuses those who wait, at once', async () => {
    const { guard } = guardWith({ concurrency: 1 });
    const hanging = held();
    void guard.admit(hanging.work, patient());
    const waiting = [errorOf(guard.admit(fine, patient())), errorOf(guard.admit(fine, patient()))];
    guard.trip('it was unplugged');
    for (const error of await Promise.all(waiting)) expect(error).toBeInstanceOf(CircuitOpenError);
    expect(guard.snapshot()).toMatchObject({ state: 'open', running: 1, queued: 0 });
    hanging.resolve('late');
  });

  it('forgets whom the throttle had counted once it has closed', async () => {
    const { guard, clock } = guardWith({ failures: 100, throttle: true, random: () => 0 });
    for (let turn = 0; turn < 30; turn++) await errorOf(guard.admit(down, patient()));
    expect(await errorOf(guard.admit(fine, patient()))).toBeInstanceOf(OverloadError);
    guard.trip('it was unplugged');
    clock.pass(100);
    // The throttle has no say over the probe of a breaker, nor after it.
    expect(await errorOf(guard.admit(fine, patient()))).toBeUndefined();
    expect(await errorOf(guard.admit(fine, patient()))).toBeUndefined();
  });
});

describe('a guard with a probe', () => {
  it('finds out by itself that all calls hang, and that it is over', async () => {
    vi.useFakeTimers();
    try {
      let isUp = false;
      const probe = () => (isUp ? Promise.resolve() : new Promise<never>(() => {}));
      const guard = createGuard('stock', { probe, timeoutMs: 60_000, rampMs: 0 });
      const hanging = errorOf(guard.run(() => new Promise<never>(() => {}), { timeoutMs: 5_000 }));
      await vi.advanceTimersByTimeAsync(2_000);
      expect(guard.state).toBe('open');
      isUp = true;
      await vi.advanceTimersByTimeAsync(1_000);
      expect(guard.state).toBe('closed');
      expect(await guard.run(fine)).toBe('fine');
      await vi.advanceTimersByTimeAsync(5_000);
      expect(await hanging).toBeInstanceOf(TimeoutError);
      expect(guard.state).toBe('closed');
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('what counts as a failure', () => {
  const opens = async (error: unknown, options: GuardOptions = {}) => {
    const guard = createGuard('stock', { failures: 1, ...options });
    await errorOf(guard.run(() => Promise.reject(error)));
    return guard.state === 'open';
  };

  it.each<[string, unknown, boolean]>([
    ['any error of a client', new Error('socket hang up'), true],
    ['no error at all', undefined, true],
    ['a thrown text', 'broken', true],
    ['status 500', httpError(500), true],
    ['status 503', Object.assign(new Error(), { statusCode: 503 }), true],
    ['status 429', Object.assign(new Error(), { status: 429 }), true],
    ['status 408', httpError(408), true],
    ['status 404', httpError(404), false],
    ['a status of its own kind', Object.assign(new Error(), { status: 7 }), true],
    ['a duplicate key', Object.assign(new Error(), { errno: 1062 }), false],
    ['a syntax error', new StatementError('wrong'), false],
    [
      'fetch without a server',
      new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } }),
      true,
    ],
  ])('%s', async (_, error, expected) => {
    expect(await opens(error)).toBe(expected);
  });

  it('is for the caller to say', async () => {
    expect(await opens(httpError(404), { isFailure: () => true })).toBe(true);
    expect(await opens(httpError(500), { isFailure: () => false })).toBe(false);
  });

  it('a judge that throws does not keep the guard shut', async () => {
    let broken = true;
    const guard = createGuard('stock', {
      failures: 1,
      openMs: 1,
      isFailure() {
        if (broken) throw new RangeError('judge');
        return true;
      },
    });
    const first = new Error('first');
    const error = await errorOf(guard.run(() => Promise.reject(first)));
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toHaveProperty('cause', first);
    expect(guard.state).toBe('open');
    broken = false;
    await vi.waitFor(async () => expect(await guard.run(fine)).toBe('fine'));
  });
});

describe('run', () => {
  it('refuses a time that is none', async () => {
    const guard = createGuard('stock');
    const work = vi.fn(fine);
    const fallback = vi.fn(() => 'old');
    for (const timeoutMs of [0, -1, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY]) {
      const error = await errorOf(guard.run(work, { timeoutMs, fallback }));
      expect(error).toBeInstanceOf(ConfigError);
    }
    expect(work).not.toHaveBeenCalled();
    expect(fallback).not.toHaveBeenCalled();
  });

  it('never calls work for a caller who had left before, nor the fallback', async () => {
    const guard = createGuard('stock', { failures: 1 });
    const work = vi.fn(fine);
    const fallback = vi.fn(() => 'old');
    const error = await errorOf(guard.run(work, { signal: AbortSignal.abort(), fallback }));
    expect(error).toMatchObject({ code: 'MERIDIAN_ABORTED' });
    expect(work).not.toHaveBeenCalled();
    expect(fallback).not.toHaveBeenCalled();
    expect(guard.snapshot()).toMatchObject({ state: 'closed', running: 0 });
  });

  it('asks `retry` about each error', async () => {
    const guard = createGuard('stock', { failures: 100 });
    const errors = [httpError(500), httpError(400)];
    const work = vi.fn(() => Promise.reject(errors[work.mock.calls.length - 1]));
    const retry = vi.fn((error: unknown) => error === errors[0]);
    expect(await errorOf(guard.run(work, { retry }))).toBe(errors[1]);
    expect(retry.mock.calls).toEqual([[errors[0]], [errors[1]]]);
    expect(work).toHaveBeenCalledTimes(2);
  });

  it('does not ask about its own refusals', async () => {
    const guard = createGuard('stock');
    guard.trip('of the test');
    const retry = vi.fn(() => true);
    expect(await errorOf(guard.run(fine, { retry, idempotent: true }))).toBeInstanceOf(
      CircuitOpenError,
    );
    expect(retry).not.toHaveBeenCalled();
  });

  it('throws what `retry` or `fallback` throws, and keeps the first error as its cause', async () => {
    const guard = createGuard('stock', { failures: 100 });
    const first = new Error('first');
    const fail = () => Promise.reject(first);
    const own = () => {
      throw new RangeError('second');
    };
    for (const options of [{ retry: own }, { fallback: own }]) {
      const error = await errorOf(guard.run(fail, options));
      expect(error).toBeInstanceOf(RangeError);
      expect(error).toHaveProperty('cause', first);
    }
    const known = new Error('known', { cause: 'mine' });
    const rethrow = (error: unknown) => Promise.reject(error);
    expect(await errorOf(guard.run(fail, { fallback: rethrow }))).toBe(first);
    expect(first).not.toHaveProperty('cause');
    expect(await errorOf(guard.run(fail, { fallback: () => rethrow(known) }))).toBe(known);
    expect(known.cause).toBe('mine');
    const frozen = Object.freeze(new Error('frozen'));
    expect(await errorOf(guard.run(fail, { fallback: () => rethrow(frozen) }))).toBe(frozen);
    expect(await errorOf(guard.run(fail, { fallback: () => rethrow('text') }))).toBe('text');
  });

  it('makes no ring of causes', async () => {
    const inner = new Error('inner');
    const outer = new Error('outer', { cause: inner });
    const guard = createGuard('stock');
    const fallback = () => Promise.reject(inner);
    expect(await errorOf(guard.run(() => Promise.reject(outer), { fallback }))).toBe(inner);
    expect(inner).not.toHaveProperty('cause');
  });

  it('takes work that throws instead of rejecting for work that failed', async () => {
    const guard = createGuard('stock', { failures: 1 });
    const error = new Error('at once');
    const work = () => {
      throw error;
    };
    expect(await errorOf(guard.run(work))).toBe(error);
    expect(guard.state).toBe('open');
  });

  it('gives up a retry that would come too late, with the error of the last attempt', async () => {
    const guard = createGuard('stock', { failures: 100, retries: 1_000 });
    const error = new Error('the last one');
    const failed = await errorOf(
      guard.run(() => Promise.reject(error), { idempotent: true, timeoutMs: 200 }),
    );
    expect(failed).toBe(error);
  });

  it('repeats at most one call in ten when all fail', async () => {
    const guard = createGuard('stock', { failures: 2 ** 31 - 1, throttle: false, retries: 5 });
    const work = vi.fn(down);
    const calls = 400;
    for (let turn = 0; turn < calls / 20; turn++) {
      await Promise.all(
        Array.from({ length: 20 }, () => errorOf(guard.run(work, { idempotent: true }))),
      );
    }
    // Ten are lent, one more a second while there are few calls.
    expect(work.mock.calls.length).toBeLessThanOrEqual(calls * 1.1 + 10);
  });

  it('serves a critical call first', async () => {
    const guard = createGuard('stock', { concurrency: 1 });
    const first = held();
    const order: string[] = [];
    const named = (name: string) => async () => void order.push(name);
    const all = [
      guard.run(first.work),
      guard.run(named('sheddable'), { priority: 'sheddable' }),
      guard.run(named('default')),
      guard.run(named('critical'), { priority: 'critical' }),
    ];
    first.resolve('done');
    await Promise.all(all);
    expect(order).toEqual(['critical', 'default', 'sheddable']);
  });
});

describe('options of a guard', () => {
  it('names every one that is wrong', () => {
    const wrong: Record<string, unknown> = {
      concurrency: 0,
      rampMs: -1,
      stallMs: 1.5,
      adaptive: 'yes',
      probe: true,
      window: { ms: 0, failureShare: 2, slowshare: 1 },
      treshold: 1,
    };
    let error: unknown;
    try {
      createGuard('stock', wrong);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toHaveProperty(
      'problems',
      expect.arrayContaining(
        [
          'concurrency',
          'rampMs',
          'stallMs',
          'adaptive',
          'probe',
          'window.ms',
          'window.failureShare',
          'window.slowshare',
          'treshold',
        ].map((path) => expect.objectContaining({ path })),
      ),
    );
  });

  it('refuses a priority that there is not', async () => {
    const options: object = { priority: 'urgent' };
    expect(await errorOf(createGuard('stock').run(fine, options))).toBeInstanceOf(ConfigError);
  });
});

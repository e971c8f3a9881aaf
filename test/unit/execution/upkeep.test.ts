import { ClosedError } from 'meridian';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Deferred, deferred } from '../../../src/execution/deferred.ts';
import { Upkeep } from '../../../src/execution/upkeep.ts';
import type { Deadline } from '../../../src/resilience/time/deadline.ts';
import { oneShard } from '../../support/topologies.ts';

describe('upkeep', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  const sweep = { everyMs: 1_000, timeoutMs: 5_000, onFailure: () => {} };

  it('does nothing before it is started, and nothing that is due never', async () => {
    const upkeep = new Upkeep(oneShard());
    const run = vi.fn(async () => {});
    const never = vi.fn(async () => {});
    upkeep.add({ ...sweep, run });
    upkeep.add({ ...sweep, everyMs: 0, run: never });
    await upkeep.run(1_000, run, () => {});
    upkeep.later(1, () => void run());
    await vi.advanceTimersByTimeAsync(10_000);
    expect(run).not.toHaveBeenCalled();
    upkeep.start();
    await vi.advanceTimersByTimeAsync(1_500);
    expect(run).toHaveBeenCalled();
    expect(never).not.toHaveBeenCalled();
    await upkeep.close();
  });

  it('begins a sweep anew only after the one before has ended, well or badly', async () => {
    const upkeep = new Upkeep(oneShard());
    const runs: Deferred<void>[] = [];
    const failures: unknown[] = [];
    upkeep.add({
      ...sweep,
      run: () => {
        const own = deferred<void>();
        runs.push(own);
        return own.promise;
      },
      onFailure: (error) => failures.push(error),
    });
    upkeep.start();
    await vi.advanceTimersByTimeAsync(4_000);
    expect(runs).toHaveLength(1);
    const failure = new Error('a shard is down');
    runs[0]?.reject(failure);
    await vi.advanceTimersByTimeAsync(1_500);
    expect(failures).toEqual([failure]);
    expect(runs).toHaveLength(2);
    runs[1]?.resolve();
    await upkeep.close();
  });

  it('close ends what is under way, waits for it, and tells nobody of that', async () => {
    const upkeep = new Upkeep(oneShard());
    const failures: unknown[] = [];
    let given: Deadline | undefined;
    const ended = deferred<void>();
    upkeep.start();
    const run = async (deadline: Deadline) => {
      given = deadline;
      await ended.promise;
      throw deadline.reason;
    };
    const running = upkeep.run(5_000, run, (error) => failures.push(error));
    let isClosed = false;
    const closing = upkeep.close().then(() => {
      isClosed = true;
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(given?.reason).toBeInstanceOf(ClosedError);
    expect(isClosed).toBe(false);
    ended.resolve();
    await closing;
    await running;
    expect(failures).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('begins nothing after it was closed', async () => {
    const upkeep = new Upkeep(oneShard());
    const run = vi.fn(async () => {});
    upkeep.add({ ...sweep, run });
    upkeep.start();
    upkeep.later(100, () => void run());
    await upkeep.close();
    await upkeep.close();
    await upkeep.run(1_000, run, () => {});
    await vi.advanceTimersByTimeAsync(10_000);
    expect(run).not.toHaveBeenCalled();
  });
});

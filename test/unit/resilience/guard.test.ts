import {
  AbortedError,
  CircuitOpenError,
  ConfigError,
  type MeridianEvent,
  OverloadError,
  StatementError,
  TimeoutError,
  UnavailableError,
} from 'meridian';
import { createGuard, type GuardRunOptions } from 'meridian/resilience';
import { describe, expect, it, vi } from 'vitest';

const never = () => new Promise<never>(() => {});
const down = () => Promise.reject(new UnavailableError('down'));
const wrong = () => Promise.reject(new StatementError('wrong'));
const fine = async () => 'fine';

async function times<T>(count: number, run: () => Promise<T>): Promise<unknown[]> {
  const errors: unknown[] = [];
  for (let turn = 0; turn < count; turn++) await run().catch((error) => errors.push(error));
  return errors;
}

describe('a guard', () => {
  it('refuses at once what finds no room', async () => {
    const guard = createGuard('stock', { concurrency: 1, queue: 1 });
    const held = Promise.allSettled([guard.run(never), guard.run(never)]);
    await expect(guard.run(fine)).rejects.toThrow(OverloadError);
    const [first, second] = await held;
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'MERIDIAN_TIMEOUT' } });
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'MERIDIAN_TIMEOUT' } });
    await expect(guard.run(fine)).resolves.toBe('fine');
  });

  it('opens after failures of the server in a row, and refuses then', async () => {
    const events: MeridianEvent[] = [];
    const observer = (event: MeridianEvent) => void events.push(event);
    const guard = createGuard('stock', { failures: 3, openMs: 60_000, observer });
    await times(2, () => guard.run(down));
    await guard.run(fine);
    await times(2, () => guard.run(down));
    expect(guard.state).toBe('closed');
    await times(1, () => guard.run(down));
    expect(guard.state).toBe('open');
    const work = vi.fn(fine);
    await expect(guard.run(work)).rejects.toThrow(CircuitOpenError);
    expect(work).not.toHaveBeenCalled();
    expect(events).toEqual([{ type: 'breaker', guard: 'stock', state: 'open' }]);
  });

  it('does not open on what is wrong with the caller', async () => {
    const guard = createGuard('stock', { failures: 2, openMs: 60_000 });
    await times(20, () => guard.run(wrong));
    await times(20, () => guard.run(never, { signal: AbortSignal.abort() }));
    expect(guard.state).toBe('closed');
  });

  it('learns nothing from a probe that its caller gave up', async () => {
    const guard = createGuard('stock', { failures: 1, openMs: 1 });
    await times(1, () => guard.run(down));
    const caller = new AbortController();
    const probe = vi.fn(() => {
      caller.abort();
      return never();
    });
    await vi.waitFor(async () => {
      await expect(guard.run(probe, { signal: caller.signal })).rejects.toThrow();
      expect(probe).toHaveBeenCalledOnce();
    });
    expect(guard.state).toBe('open');
  });

  it('does not count time lost in its own queue as a failure', async () => {
    const guard = createGuard('stock', { concurrency: 1, queue: 10, failures: 1, openMs: 60_000 });
    let release = () => {};
    const held = guard.run(
      () =>
        new Promise<void>((resolve) => {
          release = resolve;
        }),
    );
    await times(5, () => guard.run(fine, { timeoutMs: 1 }));
    expect(guard.state).toBe('closed');
    release();
    await held;
    await expect(guard.run(fine)).resolves.toBe('fine');
  });

  it('lets one probe through when its time is over, and closes when that succeeds', async () => {
    const guard = createGuard('stock', { failures: 1, openMs: 5 });
    await times(1, () => guard.run(down));
    let release = () => {};
    const work = vi.fn(
      () =>
        new Promise<string>((resolve) => {
          release = () => resolve('back');
        }),
    );
    const probe = await vi.waitFor(async () => {
      const run = guard.run(work);
      run.catch(() => {});
      expect(work).toHaveBeenCalled();
      return { run };
    });
    expect(guard.state).toBe('half-open');
    const others = await times(10, () => guard.run(work));
    expect(others.every((error) => error instanceof CircuitOpenError)).toBe(true);
    expect(work).toHaveBeenCalledTimes(1);
    release();
    await expect(probe.run).resolves.toBe('back');
    expect(guard.state).toBe('closed');
  });

  it('opens again when the probe fails', async () => {
    const guard = createGuard('stock', { failures: 1, openMs: 5 });
    await times(1, () => guard.run(down));
    await vi.waitFor(() => expect(guard.run(down)).rejects.toThrow(UnavailableError));
    expect(guard.state).toBe('open');
  });

  it('repeats a call only when it is told that this is harmless', async () => {
    const guard = createGuard('stock', { retries: 2, failures: 100 });
    const work = vi.fn(down);
    await times(1, () => guard.run(work));
    expect(work).toHaveBeenCalledTimes(1);
    await times(1, () => guard.run(work, { idempotent: true }));
    expect(work).toHaveBeenCalledTimes(4);
    const permanent = vi.fn(wrong);
    await times(1, () => guard.run(permanent, { idempotent: true }));
    expect(permanent).toHaveBeenCalledTimes(1);
  });

  it('asks the fallback, and tells it why', async () => {
    const guard = createGuard('stock', { failures: 1 });
    const fallback = vi.fn(() => 'old');
    await expect(guard.run(down, { fallback })).resolves.toBe('old');
    await expect(guard.run(fine, { fallback })).resolves.toBe('old');
    expect(fallback.mock.calls).toEqual([
      [expect.any(UnavailableError)],
      [expect.any(CircuitOpenError)],
    ]);
  });

  it('ends work through its signal when time is over or the caller leaves', async () => {
    const guard = createGuard('stock', { failures: 100 });
    const seen: AbortSignal[] = [];
    const work = ({ signal }: { signal: AbortSignal }) => {
      seen.push(signal);
      return never();
    };
    await expect(guard.run(work, { timeoutMs: 5 })).rejects.toThrow(TimeoutError);
    const controller = new AbortController();
    const left = guard.run(work, { signal: controller.signal });
    await vi.waitFor(() => expect(seen).toHaveLength(2));
    controller.abort();
    await expect(left).rejects.toThrow(AbortedError);
    expect(seen.map(({ aborted }) => aborted)).toEqual([true, true]);
  });

  it('says that it does not know what became of work that it gave up', async () => {
    const guard = createGuard('stock', { failures: 100, concurrency: 1, adaptive: false });
    const told = async (options: GuardRunOptions<never>) => {
      const error = await guard.run(never, { timeoutMs: 5, ...options }).catch((error) => error);
      return { name: error.name, outcome: error.outcome, retryable: error.retryable };
    };
    const unknown = { name: 'TimeoutError', outcome: 'unknown' };
    expect(await told({})).toEqual({ ...unknown, retryable: false });
    expect(await told({ idempotent: true })).toEqual({ ...unknown, retryable: true });
    const controller = new AbortController();
    const left = told({ signal: controller.signal, timeoutMs: 1_000, idempotent: true });
    controller.abort();
    expect(await left).toEqual({ name: 'AbortedError', outcome: 'unknown', retryable: false });
    const pausing = new AbortController();
    const failing = vi.fn(async () => {
      setImmediate(() => pausing.abort());
      throw new UnavailableError('down');
    });
    const paused = guard.run(failing, { idempotent: true, signal: pausing.signal });
    await expect(paused).rejects.toMatchObject({ name: 'AbortedError', outcome: 'unknown' });
    const queued = guard.run(never, { timeoutMs: 1_000, signal: controller.signal });
    await expect(queued).rejects.toMatchObject({ outcome: 'not-applied' });
    const running = told({ timeoutMs: 50 });
    const behind = await told({ timeoutMs: 10 });
    expect(behind).toEqual({ name: 'TimeoutError', outcome: 'not-applied', retryable: true });
    await running;
  });

  it('tells how work that ran has failed, not that its repetition was refused', async () => {
    const guard = createGuard('stock', { failures: 1 });
    const failure = new Error('the connection broke after the request');
    const work = vi.fn(() => Promise.reject(failure));
    await expect(guard.run(work, { idempotent: true })).rejects.toBe(failure);
    expect(work).toHaveBeenCalledOnce();
    expect(guard.state).toBe('open');
    await expect(guard.run(work)).rejects.toThrow(CircuitOpenError);
  });

  it('refuses limits that are no limits', () => {
    for (const limits of [
      { concurrency: 0 },
      { queue: -1 },
      { failures: 1.5 },
      { timeoutMs: Number.NaN },
    ]) {
      expect(() => createGuard('stock', limits)).toThrow(ConfigError);
    }
  });
});

import { getEventListeners } from 'node:events';
import { AbortedError, ConfigError, TimeoutError } from 'meridian';
import { describe, expect, it, vi } from 'vitest';
import { Deadline } from '../../../src/resilience/time/deadline.ts';

const never = () => new Promise<never>(() => {});

describe('a deadline', () => {
  it('refuses a time that no timer can hold', () => {
    for (const timeoutMs of [0, -1, Number.NaN, 2 ** 31, Number.NEGATIVE_INFINITY]) {
      expect(() => new Deadline(timeoutMs)).toThrow(ConfigError);
    }
    for (const timeoutMs of [1, 0.5, 2 ** 31 - 1, Number.POSITIVE_INFINITY]) {
      new Deadline(timeoutMs).end();
    }
  });

  it('ends what races against it when its time is over', async () => {
    const deadline = new Deadline(1);
    await expect(deadline.race(never())).rejects.toThrow(TimeoutError);
    expect(deadline.reason).toBeInstanceOf(TimeoutError);
    await expect(deadline.race(never())).rejects.toBe(deadline.reason);
    await expect(deadline.pause(1)).rejects.toBe(deadline.reason);
  });

  it('is over at once when its caller had aborted before', async () => {
    const own = new Error('mine');
    const deadline = new Deadline(1_000, AbortSignal.abort(own));
    expect(deadline.reason).toBeInstanceOf(AbortedError);
    expect(deadline.reason?.cause).toBe(own);
    expect(deadline.signal.aborted).toBe(true);
    await expect(deadline.pause(1_000)).rejects.toThrow(AbortedError);
  });

  it('ends a pause when its caller aborts', async () => {
    const controller = new AbortController();
    const deadline = new Deadline(100_000, controller.signal);
    const pause = deadline.pause(100_000);
    controller.abort();
    await expect(pause).rejects.toThrow(AbortedError);
  });

  it('lets work that is quicker have its way, and its error', async () => {
    const deadline = new Deadline(10_000);
    const own = new Error('mine');
    await expect(deadline.race(Promise.resolve(1))).resolves.toBe(1);
    await expect(deadline.race(Promise.reject(own))).rejects.toBe(own);
    await deadline.pause(1);
    deadline.end();
  });

  it('keeps its first reason', () => {
    const first = new Error('first');
    const heard = vi.fn();
    const deadline = new Deadline(10_000);
    deadline.onCancel(heard);
    deadline.cancel(first);
    deadline.cancel(new Error('second'));
    expect(deadline.reason).toBe(first);
    expect(heard.mock.calls).toEqual([[first]]);
    const late = vi.fn();
    deadline.onCancel(late);
    expect(late).toHaveBeenCalledWith(first);
  });

  it('tells nobody who stopped listening, and nobody after its end', () => {
    const heard = vi.fn();
    const deadline = new Deadline(10_000);
    deadline.onCancel(heard)();
    const controller = new AbortController();
    const ended = new Deadline(10_000, controller.signal);
    ended.onCancel(heard);
    ended.end();
    controller.abort();
    deadline.cancel(new Error('x'));
    expect(heard).not.toHaveBeenCalled();
  });

  it('leaves no listener on its caller’s signal', () => {
    const controller = new AbortController();
    const deadline = new Deadline(10_000, controller.signal);
    deadline.end();
    const other = new Deadline(10_000, controller.signal);
    other.cancel(new Error('x'));
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('gives a signal that fires with its reason, whenever it is asked for', () => {
    const reason = new Error('x');
    const early = new Deadline(10_000);
    const { signal } = early;
    early.cancel(reason);
    expect(signal.reason).toBe(reason);
    const late = new Deadline(10_000);
    late.cancel(reason);
    expect(late.signal.reason).toBe(reason);
  });
});

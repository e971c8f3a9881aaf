import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StallWatch } from '../../../src/resilience/time/stall-watch.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const hangs = () => new Promise<never>(() => {});

function watchWith(probe: () => Promise<unknown>) {
  const asked = vi.fn(probe);
  const onStalled = vi.fn();
  const watch = new StallWatch({ stallMs: 500, probeTimeoutMs: 1_000, probe: asked, onStalled });
  return { watch, asked, onStalled };
}

describe('a stall watch', () => {
  it('knows within two seconds that nobody answers', async () => {
    const { watch, asked, onStalled } = watchWith(hangs);
    watch.began();
    await vi.advanceTimersByTimeAsync(499);
    expect(asked).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(200);
    expect(asked).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1_050);
    expect(onStalled).toHaveBeenCalledTimes(1);
    expect(onStalled).toHaveBeenCalledWith('it has answered nothing for over 500 ms, nor a probe');
  });

  it('also when calls come and are given up all the time', async () => {
    const { watch, onStalled } = watchWith(hangs);
    for (let turn = 0; turn < 40; turn++) {
      watch.began();
      await vi.advanceTimersByTimeAsync(50);
      if (turn > 4) watch.ended(false);
    }
    expect(onStalled).toHaveBeenCalled();
  });

  it('leaves a slow statement on a healthy server alone, and asks less and less often', async () => {
    const { watch, asked, onStalled } = watchWith(async () => {});
    watch.began();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(onStalled).not.toHaveBeenCalled();
    expect(asked.mock.calls.length).toBeGreaterThan(5);
    expect(asked.mock.calls.length).toBeLessThan(25);
  });

  it('asks soon again when new calls come that nobody answers', async () => {
    let answers = true;
    const { watch, onStalled } = watchWith(() => (answers ? Promise.resolve() : hangs()));
    watch.began();
    await vi.advanceTimersByTimeAsync(60_000);
    answers = false;
    watch.began();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(onStalled).toHaveBeenCalledTimes(1);
  });

  it('does not doubt who answers', async () => {
    const { watch, asked } = watchWith(hangs);
    watch.began();
    for (let turn = 0; turn < 100; turn++) {
      watch.began();
      await vi.advanceTimersByTimeAsync(400);
      watch.ended(true);
    }
    expect(asked).not.toHaveBeenCalled();
  });

  it('believes an answer that comes while it asks', async () => {
    const { watch, asked, onStalled } = watchWith(hangs);
    watch.began();
    watch.began();
    await vi.advanceTimersByTimeAsync(700);
    expect(asked).toHaveBeenCalledTimes(1);
    watch.ended(true);
    await vi.advanceTimersByTimeAsync(1_010);
    expect(onStalled).not.toHaveBeenCalled();
  });

  it('has no timer while idle, one while busy, none when closed', async () => {
    const { watch } = watchWith(async () => {});
    expect(vi.getTimerCount()).toBe(0);
    for (let turn = 0; turn < 100; turn++) watch.began();
    expect(vi.getTimerCount()).toBe(1);
    for (let turn = 0; turn < 100; turn++) watch.ended(true);
    await vi.advanceTimersByTimeAsync(125);
    expect(vi.getTimerCount()).toBe(0);
    watch.began();
    expect(vi.getTimerCount()).toBe(1);
    watch.close();
    expect(vi.getTimerCount()).toBe(0);
    watch.began();
    expect(vi.getTimerCount()).toBe(0);
  });
});

import { CircuitOpenError } from 'meridian';
import { describe, expect, it, vi } from 'vitest';
import { Breaker, type GuardState, type Probe } from '../../../src/resilience/breaker/breaker.ts';
import {
  type BreakerRule,
  consecutiveRule,
  eitherRule,
  windowRule,
} from '../../../src/resilience/breaker/breaker-rules.ts';
import { manualClock, settled } from '../../support/calls.ts';

function breakerOn(rule: BreakerRule, probe?: Probe) {
  const clock = manualClock();
  const states: GuardState[] = [];
  const breaker = new Breaker('stock', {
    rule,
    openMs: 100,
    probe,
    probeTimeoutMs: 1_000,
    now: clock.now,
    onChange: (state) => states.push(state),
  });
  const call = (verdict: 'well' | 'unwell' | 'refused' | 'nothing', durationMs = 1) =>
    breaker.settle(breaker.begin(), verdict, durationMs);
  return { breaker, clock, states, call };
}

describe('a breaker that counts failures in a row', () => {
  it('opens, probes once after its time, and closes', () => {
    const { breaker, clock, states, call } = breakerOn(consecutiveRule(2));
    call('unwell');
    call('well');
    call('unwell');
    call('nothing');
    expect(breaker.state).toBe('closed');
    call('refused');
    expect(() => breaker.begin()).toThrow(CircuitOpenError);
    clock.pass(99);
    expect(() => breaker.check()).toThrow(CircuitOpenError);
    clock.pass(1);
    const probe = breaker.begin();
    for (let turn = 0; turn < 1_000; turn++) expect(() => breaker.begin()).toThrow('stock');
    breaker.settle(probe, 'well', 1);
    expect(states).toEqual(['open', 'half-open', 'closed']);
  });

  it('opens again when the probe fails, for as long', () => {
    const { breaker, clock, call } = breakerOn(consecutiveRule(1));
    call('unwell');
    clock.pass(100);
    call('unwell');
    clock.pass(99);
    expect(() => breaker.begin()).toThrow(CircuitOpenError);
    clock.pass(1);
    call('well');
    expect(breaker.state).toBe('closed');
  });

  it('learns nothing from a probe that its caller gave up: the next call is one', () => {
    const { breaker, clock, call } = breakerOn(consecutiveRule(1));
    call('unwell');
    clock.pass(100);
    call('nothing');
    expect(breaker.state).toBe('open');
    call('well');
    expect(breaker.state).toBe('closed');
  });

  it('does not judge calls that began before it opened', () => {
    const { breaker, clock, call } = breakerOn(consecutiveRule(1));
    const old = [breaker.begin(), breaker.begin(), breaker.begin()] as const;
    call('unwell');
    expect(breaker.settle(old[0], 'well', 1)).toBe(false);
    clock.pass(100);
    const probe = breaker.begin();
    breaker.settle(old[1], 'unwell', 1);
    expect(breaker.state).toBe('half-open');
    breaker.settle(probe, 'well', 1);
    breaker.settle(old[2], 'unwell', 5_000);
    expect(breaker.state).toBe('closed');
  });

  it('is opened from outside, once, and says why', () => {
    const { breaker, states, clock, call } = breakerOn(consecutiveRule(5));
    breaker.trip('the pager said so');
    breaker.trip('again');
    expect(() => breaker.begin()).toThrow("'stock' is left alone because the pager said so");
    clock.pass(100);
    call('well');
    expect(states).toEqual(['open', 'half-open', 'closed']);
  });

  it('stays open not a moment longer when the clock of the wall is set back', () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 });
    try {
      const { breaker, clock, call } = breakerOn(consecutiveRule(1));
      call('unwell');
      vi.setSystemTime(0);
      clock.pass(100);
      call('well');
      expect(breaker.state).toBe('closed');
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('a breaker with a probe of its own', () => {
  it('never sends a call ahead, and probes when one comes after its time', async () => {
    const probe = vi.fn(async () => {});
    const { breaker, clock, call } = breakerOn(consecutiveRule(1), probe);
    call('unwell');
    expect(() => breaker.check()).toThrow(CircuitOpenError);
    expect(probe).not.toHaveBeenCalled();
    clock.pass(100);
    for (let turn = 0; turn < 10; turn++) expect(() => breaker.check()).toThrow(CircuitOpenError);
    expect(probe).toHaveBeenCalledTimes(1);
    expect(breaker.state).toBe('half-open');
    await settled();
    expect(breaker.state).toBe('closed');
  });

  it.each<[string, Probe]>([
    ['rejects', () => Promise.reject(new Error('no'))],
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
  ])('stays open when the probe %s', async (_, probe) => {
    const { breaker, clock, states, call } = breakerOn(consecutiveRule(1), probe);
    call('unwell');
    clock.pass(100);
    expect(() => breaker.check()).toThrow(CircuitOpenError);
    await settled();
    expect(states).toEqual(['open', 'half-open', 'open']);
    expect(() => breaker.check()).toThrow(CircuitOpenError);
  });

  it('gives up a probe that never ends, and ignores it when it ends after all', async () => {
    vi.useFakeTimers();
    try {
      let answer = () => {};
      const probe = vi.fn(
        () =>
          new Promise<void>((resolve) => {
            answer = resolve;
          }),
      );
      const { breaker, clock, call } = breakerOn(consecutiveRule(1), probe);
      call('unwell');
      clock.pass(100);
      expect(() => breaker.check()).toThrow(CircuitOpenError);
      await vi.advanceTimersByTimeAsync(1_001);
      expect(breaker.state).toBe('open');
      answer();
      await vi.advanceTimersByTimeAsync(1);
      expect(breaker.state).toBe('open');
      breaker.close();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('a breaker on a window', () => {
  it('judges a share of enough calls', () => {
    const { breaker, call } = breakerOn(windowRule({ minimumCalls: 10, failureShare: 0.5 }));
    for (let turn = 0; turn < 9; turn++) call('unwell');
    expect(breaker.state).toBe('closed');
    call('unwell');
    expect(breaker.state).toBe('open');
    expect(() => breaker.begin()).toThrow('10 of its last 10 calls failed');
  });

  it('forgets what is older than the window', () => {
    const { breaker, clock, call } = breakerOn(windowRule({ ms: 5_000, minimumCalls: 10 }));
    for (let turn = 0; turn < 9; turn++) call('unwell');
    clock.pass(5_000);
    call('unwell');
    expect(breaker.state).toBe('closed');
  });

  it('opens on calls that succeed slowly', () => {
    const rule = windowRule({ minimumCalls: 4, slowMs: 200, slowShare: 0.75 });
    const { breaker, call } = breakerOn(rule);
    call('well', 1);
    call('well', 200);
    call('well', 900);
    expect(breaker.state).toBe('closed');
    call('well', 300);
    expect(breaker.state).toBe('open');
    expect(() => breaker.begin()).toThrow('3 of its last 4 calls failed or took over 200 ms');
  });

  it('starts anew after it has closed', () => {
    const { breaker, clock, call } = breakerOn(windowRule({ minimumCalls: 4 }));
    for (let turn = 0; turn < 4; turn++) call('unwell');
    clock.pass(100);
    call('well');
    for (let turn = 0; turn < 3; turn++) call('unwell');
    expect(breaker.state).toBe('closed');
  });

  it('goes together with failures in a row', () => {
    const rule = eitherRule(consecutiveRule(3), windowRule({ minimumCalls: 4, failureShare: 0.5 }));
    const { breaker, clock, call } = breakerOn(rule);
    for (const verdict of ['unwell', 'well', 'unwell', 'well'] as const) call(verdict);
    expect(() => breaker.begin()).not.toThrow();
    call('unwell');
    expect(() => breaker.begin()).toThrow('3 of its last 5 calls failed');
    clock.pass(100);
    call('well');
    for (let turn = 0; turn < 3; turn++) call('unwell');
    expect(() => breaker.begin()).toThrow('3 times in a row');
  });
});

describe('a breaker whose dependency nobody calls', () => {
  const quiet = (probe: Probe) =>
    new Breaker('stock', {
      rule: consecutiveRule(1),
      openMs: 5,
      probe,
      probeTimeoutMs: 1_000,
      now: () => performance.now(),
      onChange: () => {},
    });

  it('is probed again and again when its time is over, and closes', async () => {
    const probe = vi.fn<Probe>(async () => 1).mockRejectedValueOnce(new Error('down'));
    const breaker = quiet(probe);
    breaker.trip('it was gone');
    await expect.poll(() => breaker.state).toBe('closed');
    expect(probe).toHaveBeenCalledTimes(2);
  });

  it('is not probed once it is closed for good', () => {
    vi.useFakeTimers();
    try {
      const probe = vi.fn<Probe>(async () => 1);
      const breaker = quiet(probe);
      breaker.trip('it was gone');
      breaker.close();
      vi.advanceTimersByTime(1_000);
      expect(probe).not.toHaveBeenCalled();
    } finally {
      vi.useRealTimers();
    }
  });
});

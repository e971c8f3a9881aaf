import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OpeningGate } from '../../../src/mysql/server/opening-gate.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Begins as many as the gate lets through. */
function begin(gate: OpeningGate): number {
  let count = 0;
  for (; gate.isOpen; count++) gate.begin();
  return count;
}

describe('the gate for new connections', () => {
  it('lets two through, then twice as many each round', () => {
    const gate = new OpeningGate();
    for (const round of [2, 4, 8, 16]) {
      expect(begin(gate)).toBe(round);
      for (let done = 0; done < round; done++) gate.succeeded();
    }
  });

  it.each(['failed', 'lost'] as const)('is back at two when one %s', (what) => {
    const gate = new OpeningGate();
    expect(begin(gate)).toBe(2);
    gate.succeeded();
    gate.succeeded();
    gate.begin();
    if (what === 'failed') gate.failed(false);
    else {
      gate.lost();
      gate.succeeded();
      gate.lost();
    }
    expect(gate.pauseMs).toBe(0);
    expect(begin(gate)).toBe(2);
  });

  it('lets none through for a while when the server is full, longer each time, up to a second', () => {
    const gate = new OpeningGate();
    const longest = [50, 100, 200, 400, 800, 1_000, 1_000];
    for (const ms of longest) {
      gate.begin();
      gate.failed(true);
      expect(gate.pauseMs).toBeLessThanOrEqual(ms);
      expect(gate.pauseMs).toBeGreaterThanOrEqual(ms / 2);
      expect(begin(gate)).toBe(0);
      vi.advanceTimersByTime(ms);
      expect(gate.isOpen).toBe(true);
    }
    gate.begin();
    gate.succeeded();
    gate.begin();
    gate.failed(true);
    expect(gate.pauseMs).toBeLessThanOrEqual(50);
  });

  it('takes refusals of one moment for one', () => {
    const gate = new OpeningGate();
    gate.begin();
    gate.begin();
    gate.failed(true);
    gate.failed(true);
    expect(gate.pauseMs).toBeLessThanOrEqual(50);
  });
});

import fc from 'fast-check';
import { OverloadError, TimeoutError } from 'meridian';
import { describe, expect, it } from 'vitest';
import { Bulkhead } from '../../../src/resilience/admission/bulkhead.ts';
import type { Priority } from '../../../src/resilience/admission/priority.ts';
import { Deadline } from '../../../src/resilience/time/deadline.ts';
import { errorOf, settled } from '../../support/calls.ts';

const patient = () => new Deadline(Number.POSITIVE_INFINITY);

/** Callers of a bulkhead, and in which order they came in. */
function callers(concurrency: number, queue: number) {
  const bulkhead = new Bulkhead('stock', { concurrency, queue });
  const served: string[] = [];
  const refused = new Map<string, unknown>();
  const come = (name: string, priority: Priority = 'default', deadline = patient()) => {
    try {
      const turn = bulkhead.enter(priority, deadline);
      if (turn === undefined) served.push(name);
      else
        turn.then(
          () => served.push(name),
          (error) => refused.set(name, error),
        );
    } catch (error) {
      refused.set(name, error);
    }
  };
  return { bulkhead, served, refused, come };
}

describe('a bulkhead', () => {
  it('serves in order of arrival, critical calls first', async () => {
    const { bulkhead, served, come } = callers(1, 100);
    come('running');
    come('sheddable', 'sheddable');
    come('one');
    come('two');
    come('critical', 'critical');
    for (let turn = 0; turn < 5; turn++) {
      await settled();
      bulkhead.leave(1);
    }
    expect(served).toEqual(['running', 'critical', 'one', 'two', 'sheddable']);
    expect(bulkhead).toMatchObject({ running: 0, queued: 0 });
  });

  it('refuses sheddable calls at half of the queue and keeps a tenth for critical ones', () => {
    const { bulkhead, refused, come } = callers(1, 20);
    come('running');
    for (let turn = 0; turn < 10; turn++) come(`d${turn}`);
    come('shed', 'sheddable');
    expect([...refused.keys()]).toEqual(['shed']);
    for (let turn = 10; turn < 18; turn++) come(`d${turn}`);
    come('late');
    expect([...refused.keys()]).toEqual(['shed', 'late']);
    come('c1', 'critical');
    come('c2', 'critical');
    come('c3', 'critical');
    expect([...refused.keys()]).toEqual(['shed', 'late', 'c3']);
    expect(refused.get('c3')).toBeInstanceOf(OverloadError);
    expect(bulkhead.queued).toBe(20);
  });

  it('sends a sheddable call away for another one', async () => {
    const { bulkhead, refused, come } = callers(1, 2);
    come('running');
    come('shed', 'sheddable');
    come('one');
    come('two');
    await settled();
    expect([...refused.keys()]).toEqual(['shed']);
    expect(bulkhead.queued).toBe(2);
  });

  it('gives the place of a call whose deadline has passed to the next', async () => {
    const { bulkhead, served, refused, come } = callers(1, 1);
    come('running');
    come('hasty', 'default', new Deadline(1));
    await expect.poll(() => refused.get('hasty')).toBeInstanceOf(TimeoutError);
    expect(bulkhead.queued).toBe(0);
    come('next');
    bulkhead.leave(1);
    await settled();
    expect(served).toEqual(['running', 'next']);
  });

  it('refuses at once what would wait past its deadline', async () => {
    const { bulkhead, refused, come } = callers(2, 100);
    for (let turn = 0; turn < 20; turn++) {
      come('first');
      bulkhead.leave(50);
    }
    come('a');
    come('b');
    for (let turn = 0; turn < 9; turn++) come(`w${turn}`);
    come('hasty', 'default', new Deadline(200));
    expect(refused.get('hasty')).toMatchObject({ code: 'MERIDIAN_OVERLOAD' });
    expect(String(refused.get('hasty'))).toContain('250 ms');
    // Nobody is ahead of a critical one.
    come('critical', 'critical', new Deadline(200));
    come('calm', 'default', new Deadline(10_000));
    expect([...refused.keys()]).toEqual(['hasty']);
  });

  it('does not guess from a few calls, nor when its turn may come at any moment', () => {
    const { bulkhead, refused, come } = callers(1, 100);
    for (let turn = 0; turn < 19; turn++) {
      come('slow');
      bulkhead.leave(1_000);
    }
    come('a');
    come('b');
    come('unknown', 'default', new Deadline(200));
    bulkhead.flush(() => new Error('of the test'));
    refused.clear();
    bulkhead.leave(1_000);
    come('c');
    come('next', 'default', new Deadline(200));
    come('late', 'default', new Deadline(200));
    expect([...refused.keys()]).toEqual(['late']);
  });

  it('does not take one very long call for the rule', () => {
    const { bulkhead, refused, come } = callers(1, 100);
    for (let turn = 0; turn < 50; turn++) {
      come('quick');
      bulkhead.leave(1);
    }
    come('stream');
    bulkhead.leave(3_600_000);
    come('running');
    come('first');
    come('next', 'default', new Deadline(100));
    expect(refused.size).toBe(0);
  });

  it('serves more when its limit grows, and lets run what runs when it shrinks', async () => {
    const { bulkhead, served, come } = callers(3, 10);
    bulkhead.limit = 1;
    for (const name of ['a', 'b', 'c', 'd']) come(name);
    bulkhead.limit = 3;
    await settled();
    expect(served).toEqual(['a', 'b', 'c']);
    bulkhead.limit = 1;
    bulkhead.leave(1);
    bulkhead.leave(1);
    await settled();
    expect(served).toHaveLength(3);
    bulkhead.leave(1);
    await settled();
    expect(served).toEqual(['a', 'b', 'c', 'd']);
  });

  it('sends everybody away when told', async () => {
    const { bulkhead, come, refused } = callers(1, 10);
    come('running');
    come('one');
    come('two', 'critical');
    bulkhead.flush(() => new Error('open'));
    await settled();
    expect([...refused.keys()].sort()).toEqual(['one', 'two']);
    expect(bulkhead).toMatchObject({ running: 1, queued: 0 });
  });

  it('never runs more than its limit, nor loses a place, whatever comes', async () => {
    const event = fc.oneof(
      fc.constantFrom<Priority>('critical', 'default', 'sheddable'),
      fc.constantFrom('leave', 'abort', 'shrink', 'grow'),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (events) => {
        const bulkhead = new Bulkhead('stock', { concurrency: 3, queue: 5 });
        let running = 0;
        const waiting: Deadline[] = [];
        for (const what of events) {
          if (what === 'leave') {
            if (running === 0) continue;
            running--;
            bulkhead.leave(1);
          } else if (what === 'abort') waiting.shift()?.cancel(new Error('gone'));
          else if (what === 'shrink' || what === 'grow') bulkhead.limit = what === 'grow' ? 3 : 1;
          else {
            const deadline = patient();
            const entered = errorOf(
              (async () => {
                const turn = bulkhead.enter(what, deadline);
                if (turn !== undefined) {
                  waiting.push(deadline);
                  await turn;
                }
                running++;
              })(),
            );
            void entered;
          }
          await settled();
          expect(bulkhead.running).toBe(running);
          expect(running).toBeLessThanOrEqual(3);
          expect(bulkhead.queued).toBeLessThanOrEqual(5);
          expect(bulkhead.queued === 0 || running >= bulkhead.limit).toBe(true);
        }
      }),
    );
  });
});

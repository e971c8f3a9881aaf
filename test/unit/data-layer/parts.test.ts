import { ClosedError } from 'meridian';
import { describe, expect, it } from 'vitest';
import { Parts } from '../../../src/data-layer/parts.ts';
import { deferred } from '../../../src/execution/deferred.ts';

describe('the parts of a data layer', () => {
  const closed: string[] = [];
  const part = (name: string, close?: () => Promise<void>) => ({
    close: async () => {
      await close?.();
      closed.push(name);
    },
  });

  it('close one after the other, the newest first', async () => {
    closed.length = 0;
    const parts = new Parts();
    const slow = deferred<void>();
    for (const name of ['pools', 'redis']) parts.add(part(name));
    parts.add(part('sweeps', () => slow.promise));
    const closing = parts.close();
    expect(closed).toEqual([]);
    slow.resolve();
    await closing;
    expect(closed).toEqual(['sweeps', 'redis', 'pools']);
  });

  it('close what others need meanwhile after all of them', async () => {
    closed.length = 0;
    const parts = new Parts();
    parts.add(part('pools'));
    parts.addBeneath(part('redis'));
    parts.add(part('caches'));
    await parts.close();
    expect(closed).toEqual(['caches', 'pools', 'redis']);
  });

  it('close once, whoever asks', async () => {
    closed.length = 0;
    const parts = new Parts();
    parts.add(part('pools'));
    expect(parts.close()).toBe(parts.close());
    await parts.close();
    expect(closed).toEqual(['pools']);
  });

  it('all close, also when one of them fails, and the first failure is told', async () => {
    closed.length = 0;
    const parts = new Parts();
    parts.add(part('pools'));
    for (const message of ['second', 'first']) {
      parts.add({ close: () => Promise.reject(new Error(message)) });
    }
    parts.add({
      close() {
        closed.push('at once');
      },
    });
    await expect(parts.close()).rejects.toThrow('first');
    expect(closed).toEqual(['at once', 'pools']);
  });

  it.each(['while they close', 'after they closed'])(
    'one that comes %s is closed as well',
    async (when) => {
      closed.length = 0;
      const parts = new Parts();
      const slow = deferred<void>();
      parts.add(part('pools'));
      parts.add(part('redis', () => slow.promise));
      const closing = parts.close();
      if (when === 'after they closed') {
        slow.resolve();
        await closing;
      }
      expect(() => parts.add(part('late'))).toThrow(ClosedError);
      slow.resolve();
      await parts.close();
      expect(closed.toSorted()).toEqual(['late', 'pools', 'redis']);
    },
  );
});

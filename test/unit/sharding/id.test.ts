import { describe, expect, it, vi } from 'vitest';
import { RoutingError } from '../../../src/errors/routing-error.ts';
import { createIdSource, newId } from '../../../src/sharding/ids/id.ts';
import { decodeId } from '../../../src/sharding/ids/id-codec.ts';
import { uuidToBytes } from '../../../src/sharding/ids/uuid.ts';

const T = 1_700_000_000_000;

/** The 12-bit counter of an id. */
const counterOf = (id: string) => uuidToBytes(id).readUInt16BE(6) & 0xfff;

describe('newId', () => {
  it('is a UUIDv7 of now', () => {
    const before = Date.now();
    const id = newId(5, 0x1234);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(decodeId(id).timeMs).toBeGreaterThanOrEqual(before);
  });

  it('follows a clock that tests replace', () => {
    vi.useFakeTimers({ now: T + 10 ** 12 });
    try {
      expect(decodeId(newId(0, 0)).timeMs).toBe(T + 10 ** 12);
    } finally {
      vi.useRealTimers();
    }
  });

  it('has its layout byte by byte', () => {
    const random = (bytes: Uint8Array) => bytes.fill(0xab);
    const id = createIdSource({ now: () => 0x0123456789ab, random })(0x2a, 0xbeef);
    // 48-bit time, 7 + counter (0xabab & 0x7ff), 10 + keyspace, locator, 40 random bits.
    expect(id).toBe('01234567-89ab-73ab-aabe-efababababab');
  });

  it('shows its locator in bytes 9 and 10, where SQL reads it', () => {
    for (let locator = 0; locator <= 0xffff; locator += 257) {
      expect(uuidToBytes(newId(1, locator)).readUInt16BE(9)).toBe(locator);
    }
  });

  it.each([-1, 64, 1.5, Number.NaN])('refuses keyspace code %d', (code) => {
    expect(() => newId(code, 0)).toThrow(RoutingError);
  });

  it.each([-1, 65_536, 1.5, Number.NaN])('refuses locator %d', (locator) => {
    expect(() => newId(0, locator)).toThrow(RoutingError);
  });

  it('makes a million ids, each above the one before', () => {
    let last = '';
    for (let made = 0; made < 1_000_000; made++) {
      const id = newId(made & 63, made & 0xffff);
      if (id <= last) expect.fail(`id ${made}: ${id} after ${last}`);
      last = id;
    }
  });
});

describe('createIdSource', () => {
  it('sorts the same as text and as bytes, whatever the keyspace and locator', () => {
    const ids = Array.from({ length: 5000 }, (_, i) => newId((i * 7) & 63, (i * 7919) & 0xffff));
    expect(ids.toSorted()).toEqual(ids);
    expect(ids.toSorted((a, b) => uuidToBytes(a).compare(uuidToBytes(b)))).toEqual(ids);
  });

  it('begins each millisecond with a random counter in the lower half', () => {
    let now = T;
    const next = createIdSource({ now: () => now++ });
    const counters = Array.from({ length: 2000 }, () => counterOf(next(0, 0)));
    expect(Math.max(...counters)).toBeLessThan(2048);
    expect(new Set(counters).size).toBeGreaterThan(1000);
  });

  it('counts on within a millisecond', () => {
    const next = createIdSource({ now: () => T, random: (bytes) => bytes.fill(0) });
    const ids = Array.from({ length: 4096 }, () => next(0, 0));
    expect(ids.map(counterOf)).toEqual(ids.map((_, index) => index));
    expect(new Set(ids.map((id) => decodeId(id).timeMs))).toEqual(new Set([T]));
  });

  it('borrows the next millisecond when the counter is used up, and gives it back', () => {
    let now = T;
    const next = createIdSource({ now: () => now, random: (bytes) => bytes.fill(0) });
    const ids = Array.from({ length: 4097 }, () => next(0, 0));
    expect(decodeId(ids[4095] ?? '').timeMs).toBe(T);
    expect(decodeId(ids[4096] ?? '').timeMs).toBe(T + 1);

    now = T + 1;
    ids.push(next(0, 0));
    expect(decodeId(ids[4097] ?? '').timeMs).toBe(T + 1);
    now = T + 5;
    ids.push(next(0, 0));
    expect(decodeId(ids[4098] ?? '').timeMs).toBe(T + 5);
    expect(ids.toSorted()).toEqual(ids);
  });

  it('stands still while the clock is behind the last id', () => {
    let now = T;
    const next = createIdSource({ now: () => now });
    const ids = [next(0, 0)];
    for (now of [T - 1, T - 3_600_000, 0, T]) ids.push(next(0, 0));
    expect(ids.map((id) => decodeId(id).timeMs)).toEqual([T, T, T, T, T]);
    expect(ids.toSorted()).toEqual(ids);

    now = T + 1;
    expect(decodeId(next(0, 0)).timeMs).toBe(T + 1);
  });

  it('is not confused by a clock with fractions', () => {
    let now = T;
    const next = createIdSource({ now: () => now });
    const ids = Array.from({ length: 1000 }, () => {
      now += 0.3;
      const id = next(0, 0);
      expect(decodeId(id).timeMs).toBe(Math.floor(now));
      return id;
    });
    expect(ids.toSorted()).toEqual(ids);
  });

  it('draws fresh random bits for every id', () => {
    const next = createIdSource({ now: () => T });
    const tails = Array.from({ length: 100_000 }, () => next(0, 0).slice(-10));
    // 40 bits: a repeat among 100,000 is expected once in 220 runs; three are never.
    expect(new Set(tails).size).toBeGreaterThan(99_997);
  });

  it('fills its pool again before a byte is used twice', () => {
    let drawn = 0;
    const random = (bytes: Uint8Array) => bytes.fill(++drawn);
    const next = createIdSource({ now: () => T, random });
    for (let made = 0; made < 4096; made++) next(0, 0);
    expect(drawn).toBe(3); // 2 + 4096 × 5 bytes from a pool of 8192, no draw across its end
  });
});

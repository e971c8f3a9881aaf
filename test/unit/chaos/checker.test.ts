import { describe, expect, it } from 'vitest';
import { accountOf } from '../../chaos/model/account.ts';
import { check } from '../../chaos/model/checker.ts';
import type { Acknowledgement, Contract, Read, Write } from '../../chaos/model/history.ts';
import { growsInProportion } from '../../support/judges/growth.ts';

const contract: Contract = new Map([
  ['direct', { doneMs: 0, pendingMs: 5_000 }],
  ['memory', { doneMs: 400, pendingMs: 5_000 }],
]);

const ms = 1_000;

/** A write by p1, acknowledged 10 ms after it began, unless told otherwise. */
function write(version: number, beginMs: number, given: Partial<Write> = {}): Write {
  const ack: Acknowledgement = { at: (beginMs + 10) * ms, outcome: 'done' };
  const acknowledged = new Map([
    ['direct', ack],
    ['memory', ack],
  ]);
  return {
    process: 'p1',
    key: 'k',
    version,
    isAbsent: false,
    begun: beginMs * ms,
    acknowledged,
    ...given,
  };
}

function pending(version: number, beginMs: number): Write {
  const ack: Acknowledgement = { at: (beginMs + 10) * ms, outcome: 'pending' };
  return write(version, beginMs, { acknowledged: new Map([['direct', ack]]) });
}

/** A read by p2 that takes a millisecond, unless told otherwise. */
function read(version: number | null, beginMs: number, given: Partial<Read> = {}): Read {
  return {
    process: 'p2',
    cache: 'direct',
    key: 'k',
    begun: beginMs * ms,
    ended: (beginMs + 1) * ms,
    version,
    ...given,
  };
}

const kinds = (writes: Write[], ...reads: Read[]) =>
  check({ writes, reads }, contract).map(({ kind }) => kind);

describe('a cache without memory', () => {
  it('may return the newest acknowledged version or a newer one', () => {
    expect(kinds([write(2, 0), write(3, 20)], read(2, 15), read(3, 31), read(3, 21))).toEqual([]);
  });

  it('may not return what was overwritten before the read began', () => {
    expect(kinds([write(2, 0), write(3, 20)], read(2, 31))).toEqual(['stale']);
    expect(kinds([write(2, 0)], read(1, 11))).toEqual(['stale']);
  });

  it('may return the old version while the write is not acknowledged', () => {
    expect(kinds([write(2, 0)], read(1, 10))).toEqual([]);
    expect(kinds([write(2, 0)], read(1, 9, { ended: 900 * ms }))).toEqual([]);
  });

  it('owes nothing about a write whose writer died before it was told', () => {
    const lost = write(2, 0, { acknowledged: new Map() });
    expect(kinds([lost], read(1, 9_000), read(2, 9_001), read(1, 9_002))).toEqual([]);
  });

  it('is held to a later write, though the one before it was never acknowledged', () => {
    const lost = write(2, 0, { acknowledged: new Map() });
    expect(kinds([lost, write(3, 20)], read(2, 31))).toEqual(['stale']);
  });

  it('takes the highest version that was acknowledged, not the last to be', () => {
    const slow: Acknowledgement = { at: 100 * ms, outcome: 'done' };
    const late = write(2, 0, { acknowledged: new Map([['direct', slow]]) });
    expect(kinds([late, write(3, 20)], read(2, 101))).toEqual(['stale']);
  });
});

describe('a cache with memory', () => {
  const memory = { cache: 'memory' };

  it('may miss for its bound what others wrote, and no longer', () => {
    expect(kinds([write(2, 0)], read(1, 410, memory))).toEqual([]);
    expect(kinds([write(2, 0)], read(1, 411, memory))).toEqual(['stale']);
  });

  it('must see at once what its own process wrote', () => {
    expect(kinds([write(2, 0)], read(1, 11, { ...memory, process: 'p1' }))).toEqual(['stale']);
  });
});

describe('a pending invalidation', () => {
  it('lets other processes read the old version as long as an entry lives', () => {
    expect(kinds([pending(2, 0)], read(1, 5_010))).toEqual([]);
    expect(kinds([pending(2, 0)], read(1, 5_011))).toEqual(['stale']);
  });

  it('binds its own process at once', () => {
    expect(kinds([pending(2, 0)], read(1, 11, { process: 'p1' }))).toEqual(['stale']);
  });

  it('does not excuse missing a newer write that was told', () => {
    expect(kinds([pending(2, 0), write(3, 20)], read(2, 31))).toEqual(['stale']);
  });

  it('of one cache says nothing about another', () => {
    const mixed = write(2, 0, {
      acknowledged: new Map([
        ['direct', { at: 10 * ms, outcome: 'pending' }],
        ['memory', { at: 10 * ms, outcome: 'done' }],
      ]),
    });
    expect(kinds([mixed], read(1, 411), read(1, 411, { cache: 'memory' }))).toEqual(['stale']);
  });
});

describe('absence', () => {
  const gone = write(2, 0, { isAbsent: true });

  it('stands for the newest write that removed the key', () => {
    expect(kinds([gone], read(null, 5), read(null, 11), read(1, 5))).toEqual([]);
    expect(kinds([gone], read(1, 11))).toEqual(['stale']);
  });

  it('is stale once the key is back', () => {
    expect(kinds([gone, write(3, 20)], read(null, 25), read(null, 30))).toEqual([]);
    expect(kinds([gone, write(3, 20)], read(null, 31))).toEqual(['stale']);
  });

  it('was not written by anybody before it began', () => {
    expect(kinds([], read(null, 5))).toEqual(['unwritten']);
    expect(kinds([write(2, 9, { isAbsent: true })], read(null, 1))).toEqual(['unwritten']);
  });
});

describe('a version that was not written', () => {
  it('is found, before its write began too', () => {
    expect(kinds([], read(7, 5))).toEqual(['unwritten']);
    expect(kinds([write(2, 9)], read(2, 1))).toEqual(['unwritten']);
    expect(kinds([write(2, 9)], read(2, 1, { ended: 10 * ms }))).toEqual([]);
  });

  it('is found when that version left the key absent', () => {
    expect(kinds([write(2, 0, { isAbsent: true })], read(2, 5))).toEqual(['unwritten']);
  });
});

it('keeps keys apart', () => {
  expect(kinds([write(2, 0)], read(1, 50, { key: 'other' }))).toEqual([]);
});

it('refuses a source that gave a version twice, and a cache without a contract', () => {
  expect(() => kinds([write(2, 0), write(2, 5)], read(2, 9))).toThrow('two writes of k');
  expect(() => kinds([], read(1, 9, { cache: 'new' }))).toThrow('the contract says nothing of new');
});

it('tells what happened round a violation', () => {
  const writes = [write(2, 0), write(3, 20)];
  const reads = [read(2, 25), read(2, 31), read(3, 40)];
  const [violation] = check({ writes, reads }, contract);
  const events = [{ at: 28 * ms, text: 'Redis is paused' }];
  expect(violation && accountOf(violation, { writes, reads }, events).split('\n')).toEqual([
    'stale: p2 read k from direct and got version 2; at least version 3 was due, acknowledged 1.0 ms before',
    '      -31.0 ms  p1 begins to write version 2',
    '      -21.0 ms  p1 acknowledges version 2: done',
    '      -11.0 ms  p1 begins to write version 3',
    '       -6.0 ms  p2 reads version 2 in 1.0 ms',
    '       -3.0 ms  Redis is paused',
    '       -1.0 ms  p1 acknowledges version 3: done',
    '        0.0 ms  p2 reads version 2 in 1.0 ms  <<<',
    '        9.0 ms  p2 reads version 3 in 1.0 ms',
  ]);
});

it('takes time in proportion to the operations', () =>
  growsInProportion((operations) => {
    const writes: Write[] = [];
    const reads: Read[] = [];
    for (let index = 0; index < operations; index++) {
      const key = `k${index % 5}`;
      const version = Math.floor(index / 5) + 2;
      writes.push(write(version, index, { key, process: `p${index % 7}` }));
      reads.push(read(index % 3 === 0 ? version : version - 1, index, { key }));
    }
    expect(check({ writes, reads }, contract)).toEqual([]);
  }, 5_000));

import HashRing from 'hashring';
import {
  createSlotMap,
  geoLocator,
  hashSlotFor,
  murmur3,
  newId,
  rebalance,
  slotOf,
} from 'meridian/sharding';
import murmurHash3 from 'murmurhash3js-revisited';
import { compare, median, tightLoop } from '../measure.ts';
import type { Result, Suite } from '../result.ts';

const keyCount = 4_096;

/** Flat strings, as a driver or JSON.parse gives them; joined pieces are slower to read for all. */
function keysOf(make: (index: number) => string, count = keyCount): string[] {
  return Array.from({ length: count }, (_, index) =>
    Buffer.from(make(index), 'latin1').toString('latin1'),
  );
}

const mask = keyCount - 1;
const account = (index: number) => `acct:${String(index * 7_919).padStart(11, '0')}`;
const sixteen = keysOf(account);
/** More than hashring remembers (5,000), so that it hashes as we do. */
const manyKeys = 16_384;
const many = keysOf(account, manyKeys);
const uuids = keysOf(() => crypto.randomUUID());

/** Ours against the library that everybody takes, fed as it must be, in turns within one run. */
async function hashing(name: string, keys: readonly string[], target: number): Promise<Result> {
  const key = (index: number) => keys[index & mask] ?? '';
  let sink = 0;
  const [ours, theirs] = await compare(
    {
      meridian: tightLoop((index) => {
        sink ^= murmur3(key(index));
      }),
      'murmurhash3js-revisited': tightLoop((index) => {
        sink ^= murmurHash3.x86.hash32(Buffer.from(key(index)));
      }),
    },
    { rounds: 9, ms: 300 },
  );
  if (ours === undefined || theirs === undefined || sink === 0.5)
    throw new Error('nothing measured');
  const ratio = ours.perSecond / theirs.perSecond;
  return {
    name,
    value: `${ratio.toFixed(2)} × (${millions(ours.perSecond)} against ${millions(theirs.perSecond)})`,
    target: `≥ ${target} ×`,
    met: ratio >= target,
    figures: { ratio, perSecond: ours.perSecond, peerPerSecond: theirs.perSecond },
  };
}

async function locating(): Promise<Result[]> {
  const names = Array.from({ length: 16 }, (_, index) => `tx-${index + 1}`);
  const map = createSlotMap(names.map((name) => ({ name })));
  const ring = new HashRing(names);
  let turn = 0;
  const key = () => many[turn++ & (manyKeys - 1)] ?? '';
  let sink = 0;
  const [ours, routed, theirs] = await compare(
    {
      'slotOf + shardOf': tightLoop(() => {
        sink += map.shardOf(slotOf(key())).length;
      }),
      hashSlotFor: tightLoop(() => {
        sink += map.shardOf(hashSlotFor(key(), 2)).length;
      }),
      hashring: tightLoop(() => {
        sink += ring.get(key()).length;
      }),
    },
    { rounds: 9, ms: 300 },
  );
  if (!ours || !routed || !theirs || sink < 0) throw new Error('nothing measured');
  const ratio = ours.perSecond / theirs.perSecond;
  return [
    {
      name: 'slotOf + shardOf, 16-character keys',
      value: `${millions(ours.perSecond)} (with ids told apart: ${millions(routed.perSecond)})`,
      target: '≥ 5 M/s',
      met: ours.perSecond >= 5e6,
      figures: { perSecond: ours.perSecond, hashSlotForPerSecond: routed.perSecond },
    },
    {
      name: 'the same against hashring',
      value: `${ratio.toFixed(0)} × (${millions(theirs.perSecond)})`,
      target: '≥ 20 ×',
      met: ratio >= 20,
      figures: { ratio, peerPerSecond: theirs.perSecond },
    },
  ];
}

async function ids(): Promise<Result> {
  let sink = 0;
  const locator = geoLocator(1, 77);
  const [made] = await compare(
    {
      newId: tightLoop(() => {
        sink += newId(1, locator).length;
      }),
    },
    { rounds: 9, ms: 300 },
  );
  if (made === undefined || sink < 0) throw new Error('nothing measured');
  return {
    name: 'newId',
    value: millions(made.perSecond),
    target: '≥ 2 M/s',
    met: made.perSecond >= 2e6,
    figures: { perSecond: made.perSecond },
  };
}

const manyIds = 10_000_000;

/** Ids that only grow are ids without a duplicate. */
function inOrder(): Result {
  const locator = geoLocator(1, 77);
  let last = '';
  let backwards = 0;
  for (let made = 0; made < manyIds; made++) {
    const id = newId(1, locator);
    if (id <= last) backwards++;
    last = id;
  }
  return {
    name: 'ten million ids',
    value: `${backwards} not greater than the one before`,
    target: '0',
    met: backwards === 0,
    figures: { made: manyIds, backwards },
  };
}

function building(count: number, targetMs: number): Result {
  const shards = shardsOf(count);
  const times = Array.from({ length: 7 }, () => {
    const start = performance.now();
    createSlotMap(shards);
    return performance.now() - start;
  });
  const ms = median(times);
  return {
    name: `createSlotMap, ${count} shards`,
    value: `${ms.toFixed(1)} ms`,
    target: `< ${targetMs} ms`,
    met: ms < targetMs,
    figures: { ms },
  };
}

/** How many slots change hands when a shard joins, over the fewest that must. */
function movement(count: number): Result {
  const before = createSlotMap(shardsOf(count));
  const joined = shardsOf(count + 1);
  const { moves } = rebalance(before, joined);
  const derived = createSlotMap(joined);
  const fewest = Math.floor(before.slots / (count + 1));
  let changed = 0;
  for (let slot = 0; slot < before.slots; slot++) {
    if (before.shardOf(slot) !== derived.shardOf(slot)) changed++;
  }
  const ratio = changed / fewest;
  return {
    name: `slots that move, ${count} shards and one more`,
    value: `stored ${(moves.length / fewest).toFixed(2)} ×, derived ${ratio.toFixed(2)} ×`,
    target: '1.00 ×, ≤ 1.3 ×',
    met: moves.length <= fewest + 1 && ratio <= 1.3,
    figures: { rebalanced: moves.length, fewest, derived: changed },
  };
}

function shardsOf(count: number): { name: string }[] {
  return Array.from({ length: count }, (_, index) => ({ name: `shard-${index + 1}` }));
}

function millions(perSecond: number): string {
  return `${(perSecond / 1e6).toFixed(perSecond < 1e6 ? 2 : 1)} M/s`;
}

export const suite: Suite = {
  name: 'Placement: hashing, slots, ids; and moving owners on real servers',
  async run() {
    // First, as in a service: what else is loaded can change what V8 makes of our code.
    const { lookingUp } = await import('../looking-up.ts');
    const { moving } = await import('../moving.ts');
    return [
      await hashing('murmur3, 16 characters', sixteen, 3),
      await hashing('murmur3, 36 characters', uuids, 2),
      ...(await locating()),
      await ids(),
      inOrder(),
      building(64, 50),
      building(1_024, 1_000),
      ...[2, 8, 16, 32, 64, 255].map(movement),
      await lookingUp(),
      ...(await moving()),
    ];
  },
};

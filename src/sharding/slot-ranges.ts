import { ConfigError, type Problem } from '../errors/config-error.ts';
import { type SlotMap, slotCountProblems, slotMapOf } from './slot-map.ts';

/** Per shard the slots it owns: `'0-8191'`, `'7'`, `'0-10,20,30-40'`, or `''` for none. */
export type SlotRanges = Readonly<Record<string, string>>;

interface SlotRange {
  readonly first: number;
  readonly last: number;
}

/** For each slot the name of its shard, once one has claimed it. */
type Owners = (string | undefined)[];

/**
 * Reads a slot map from its text form. Every slot must have exactly one owner.
 *
 * @returns the map, or every problem found, each with the name of the shard as its path (`''` for
 *   slots without a shard).
 */
export function readSlotRanges(
  ranges: SlotRanges,
  slots: number,
): { readonly map: SlotMap } | { readonly problems: readonly Problem[] } {
  const shards = Object.keys(ranges);
  const miscounted = slotCountProblems(shards.length, slots);
  if (miscounted.length > 0) return { problems: miscounted };

  const owners: Owners = Array(slots).fill(undefined);
  const problems: Problem[] = Object.entries(ranges).flatMap(([shard, text]) =>
    pieces(text).flatMap((piece) => {
      const range = parseRange(piece, slots);
      const messages = typeof range === 'string' ? [range] : claim(range, shard, owners);
      return messages.map((message) => ({ path: shard, message }));
    }),
  );
  const unowned = owners.flatMap((owner, slot) => (owner === undefined ? [slot] : []));
  if (unowned.length > 0) {
    problems.push({ path: '', message: `no shard owns ${nameSlots(unowned)}` });
  }
  if (problems.length > 0) return { problems };
  return {
    map: slotMapOf(
      shards,
      owners.filter((owner) => owner !== undefined),
    ),
  };
}

/**
 * Like {@link readSlotRanges}, for a caller that has nothing to add to the problems.
 *
 * @throws ConfigError with every problem.
 */
export function parseSlotRanges(ranges: SlotRanges, slots: number): SlotMap {
  const result = readSlotRanges(ranges, slots);
  if ('problems' in result) throw new ConfigError('The slot ranges do not fit', result.problems);
  return result.map;
}

/** The text form of a map, in the fewest ranges: what {@link readSlotRanges} reads. O(slots × shards). */
export function formatSlotRanges(map: SlotMap): Record<string, string> {
  return Object.fromEntries(map.shards.map((shard) => [shard, slotRangesOf(map, shard)]));
}

/** The slots of one shard in the form of {@link formatSlotRanges}. O(slots). */
export function slotRangesOf(map: SlotMap, shard: string): string {
  const ranges: SlotRange[] = [];
  let first = 0;
  for (let slot = 0; slot <= map.slots; slot++) {
    if (slot < map.slots && map.shardOf(slot) === shard) continue;
    if (first < slot) ranges.push({ first, last: slot - 1 });
    first = slot + 1;
  }
  return writeRanges(ranges);
}

function pieces(text: string): string[] {
  return text.trim() === '' ? [] : text.split(',').map((piece) => piece.trim());
}

/** The range, or what is wrong with it. */
function parseRange(piece: string, slots: number): SlotRange | string {
  const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(piece) ?? [];
  if (from === undefined) {
    return `'${piece}' is not a range of slots; write '0-8191', '7' or a list like '0-10,20'`;
  }
  const range = { first: Number(from), last: Number(to) };
  if (range.first > range.last) return `'${piece}' runs backwards; write '${to}-${from}'`;
  if (range.last >= slots) return `'${piece}' goes beyond the last slot, ${slots - 1}`;
  return range;
}

/** Enters the shard as the owner of the range, and says what had an owner already. */
function claim({ first, last }: SlotRange, shard: string, owners: Owners): string[] {
  const taken = new Map<string, number[]>();
  for (let slot = first; slot <= last; slot++) {
    const owner = owners[slot];
    if (owner === undefined) {
      owners[slot] = shard;
      continue;
    }
    const slots = taken.get(owner) ?? [];
    taken.set(owner, slots);
    slots.push(slot);
  }
  return Array.from(taken, ([owner, slots]) => `'${owner}' already owns ${nameSlots(slots)}`);
}

function nameSlots(ascending: readonly number[]): string {
  return `${ascending.length === 1 ? 'slot' : 'slots'} ${joinRanges(ascending)}`;
}

function joinRanges(ascending: readonly number[]): string {
  const ranges: { first: number; last: number }[] = [];
  for (const slot of ascending) {
    const open = ranges.at(-1);
    if (open?.last === slot - 1) open.last = slot;
    else ranges.push({ first: slot, last: slot });
  }
  return writeRanges(ranges);
}

function writeRanges(ranges: readonly SlotRange[]): string {
  return ranges
    .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))
    .join(',');
}

import { ConfigError, type Problem } from '../../errors/config-error.ts';
import { type SlotMap, slotCountProblems, slotMapOf } from './slot-map.ts';

/**
 * Per shard the slots it owns: `'0-8191'`, `'7'`, `'0-10,20,30-40'`, or `''` for none.
 *
 * @see {@link parseSlotRanges}
 */
export type SlotRanges = Readonly<Record<string, string>>;

interface SlotRange {
  readonly first: number;
  readonly last: number;
}

/** Of one shard: whoever corrects them sees the rest then. */
const mostMessages = 20;
const longestPiece = 40;

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
  const problems: Problem[] = Object.entries(ranges).flatMap(([path, text]) =>
    claimAll(text, path, owners).map((message) => ({ path, message })),
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
 * Like `readSlotRanges`, for a caller that has nothing to add to the problems.
 *
 * @throws ConfigError with every problem.
 *
 * @example
 * const map = parseSlotRanges({ a: '0-8191', b: '8192-16383' }, HASH_SLOTS);
 * map.shardOf(8192); // 'b'
 */
export function parseSlotRanges(ranges: SlotRanges, slots: number): SlotMap {
  const result = readSlotRanges(ranges, slots);
  if ('problems' in result) throw new ConfigError('The slot ranges do not fit', result.problems);
  return result.map;
}

/**
 * The text form of a map, in the fewest ranges: what `readSlotRanges` reads. O(slots × shards).
 *
 * @example
 * formatSlotRanges(parseSlotRanges({ a: '0-8191', b: '8192-16383' }, 16_384)); // the same again
 */
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

/** Enters the shard as the owner of its ranges. Gives up on a text in which nothing fits. */
function claimAll(text: string, shard: string, owners: Owners): string[] {
  const ranges = pieces(text);
  if (ranges.length > owners.length) {
    return [`lists ${ranges.length} ranges, more than the ${owners.length} slots that there are`];
  }
  const messages: string[] = [];
  for (const [index, piece] of ranges.entries()) {
    const range = parseRange(piece, owners.length);
    if (typeof range === 'string') messages.push(range);
    else for (const taken of claim(range, shard, owners)) messages.push(taken);
    if (messages.length < mostMessages) continue;
    messages.push(`is not read any further, ${ranges.length - index - 1} ranges are left`);
    break;
  }
  return messages;
}

function pieces(text: string): string[] {
  return text.trim() === '' ? [] : text.split(',').map((piece) => piece.trim());
}

/** The range, or what is wrong with it. */
function parseRange(piece: string, slots: number): SlotRange | string {
  const shown = piece.slice(0, longestPiece);
  const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(piece) ?? [];
  if (from === undefined) {
    return `'${shown}' is not a range of slots; write '0-8191', '7' or a list like '0-10,20'`;
  }
  const range = { first: Number(from), last: Number(to) };
  if (range.first > range.last)
    return `'${shown}' runs backwards; write '${`${to}-${from}`.slice(0, longestPiece)}'`;
  if (range.last >= slots) return `'${shown}' goes beyond the last slot, ${slots - 1}`;
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

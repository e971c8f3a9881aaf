import { MergeError } from '../errors/scatter-error.ts';

/** What the order of a text column depends on, as the server told it beside the rows. */
export interface TextRule {
  /** Of so many bytes of a weight the server may take notice when it sorts. */
  readonly maxSortLength: number;
  readonly collation: string;
  /** The weight of a space; empty beside NULL. */
  readonly space: Buffer;
}

/** MariaDB names them so; MySQL's information_schema has NO PAD for those of its version 9.0.0 alone. */
const withoutPadding = /nopad|_0900_/;
/** Weights of several levels one after the other, between which the padding would have to go. */
const severalLevels = /_w2$|_as_c[is]$|_as_cs_|czech_cs$/;
/** What MariaDB compares by letter and case without accents, it does not sort by the weights that it tells. */
const otherWeights = /_ai_cs$/;
const blank = 0x20;
/** A server may count what it appends to a weight among the bytes that it sorts by. */
const reserve = 8;
const none = Buffer.alloc(0);
const zero = Buffer.alloc(1);

/**
 * Reads what the statement selected as `CONCAT_WS(' ', COERCIBILITY(c) = COERCIBILITY(1), @@max_sort_length, COLLATION(c),
 * HEX(WEIGHT_STRING(LEFT(CONCAT(' ', c), 1))))`.
 *
 * @throws {MergeError} for a column whose order its weights do not tell.
 */
export function readTextRule(told: unknown, column: string): TextRule {
  const [isNumeric, maxSortLength, collation = '', space = ''] = String(told).split(' ');
  const rule = {
    maxSortLength: Number(maxSortLength),
    collation,
    space: Buffer.from(space, 'hex'),
  };
  // No text to the server, whatever it is sent as. The number that says so differs between releases.
  if (isNumeric === '1') {
    throw new MergeError(
      `Column '${column}' is sent as text, but sorted by the server as what it is, a UUID or an address say; ` +
        `select and order by CAST(${column} AS CHAR) AS … in the statement, and by that name in merge.orderBy.`,
    );
  }
  if (otherWeights.test(collation) || (!withoutPadding.test(collation) && padsUnlikeSpace(rule))) {
    throw new MergeError(
      `Text column '${column}' has collation ${collation}, whose order can't be reproduced here; ` +
        `order by a column such as '${column} COLLATE utf8mb4_bin AS …' in the statement and in merge.orderBy.`,
    );
  }
  return rule;
}

/** Whether a server pads weights with what is no weight of a space: levels apart, or by the bare character. */
function padsUnlikeSpace({ collation, space }: TextRule): boolean {
  return severalLevels.test(collation) || (space.length === 1 && space[0] !== blank);
}

/**
 * Compares two texts by the weights that their server gives them. The shorter one goes on with spaces
 * where the collation pads; where it does not, servers sort as though it went on with zeros.
 *
 * @throws {MergeError} when they differ only behind what a server may sort by.
 */
export function compareWeights(
  a: Uint8Array,
  b: Uint8Array,
  { collation, maxSortLength, space }: TextRule,
  column: string,
): number {
  const length = Math.max(a.length, b.length);
  const pad = withoutPadding.test(collation) ? zero : space;
  if (length > maxSortLength - reserve) {
    const end = Math.max(0, maxSortLength - reserve);
    const sorted = comparePadded(a.subarray(0, end), b.subarray(0, end), end, pad);
    if (sorted !== 0 || comparePadded(a, b, length, pad) === 0) return sorted;
    throw new MergeError(
      `Values of '${column}' differ only behind what the server sorts by (max_sort_length); ` +
        `order by LEFT(${column}, 100) AS … and a key, in the statement and in merge.orderBy.`,
    );
  }
  return comparePadded(a, b, length, pad);
}

function comparePadded(a: Uint8Array, b: Uint8Array, length: number, pad: Uint8Array): number {
  if (a.length === b.length) return Buffer.compare(a, b);
  const [short, sign] = a.length < b.length ? [a, 1] : [b, -1];
  const long = short === a ? b : a;
  const start = Buffer.compare(short, long.subarray(0, short.length));
  if (start !== 0) return start * sign;
  const filling = pad.length === 0 ? none : pad;
  for (let index = short.length; index < Math.min(length, long.length); index++) {
    const filled = filling[(index - short.length) % (filling.length || 1)] ?? 0;
    const there = long[index] ?? 0;
    if (filled !== there) return (filled - there) * sign;
  }
  return 0;
}

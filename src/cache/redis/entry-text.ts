import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { packValue, unpackValue } from '../../values/pack-value.ts';

/** Another format, another number: entries of one are misses under the other. */
const format = 'm2';

/** How many times as long as an entry may be what a compressed one unpacks to. */
const mostExpansion = 4;

/** So many digits are exact in a double. */
const mostDigits = 15;

/** What an entry must agree with, else it is a miss. */
export interface EntryStamp {
  /** Fingerprint of the values' shape, without `|`. */
  readonly schema: string;
  /** The server that it was written on: what another one has is a copy that may miss invalidations. */
  readonly server: string;
  /** Where its source was when it was loaded: a name without `|`. */
  readonly placement: string;
}

/** A stamp as it stands in entries. */
export interface StampText {
  readonly schema: string;
  readonly whole: string;
}

export function stampText({ schema, server, placement }: EntryStamp): StampText {
  return { schema: `${schema}|`, whole: `${schema}|${server}|${placement}|` };
}

/** Bytes that a compressed entry may unpack to, where entries have up to `maxEntryBytes`. */
export function unpackedBytes(maxEntryBytes: number): number {
  return Math.min(mostExpansion * maxEntryBytes, Number.MAX_SAFE_INTEGER);
}

/** A value in Redis. */
export interface StoredEntry {
  readonly value: unknown;
  /** When its load began. Milliseconds since 1970. */
  readonly loadedAtMs: number;
  /** Milliseconds from then that it is fresh. */
  readonly freshMs: number;
  /** Milliseconds that its load took. */
  readonly loadMs: number;
  /** A whole number that grows with each change of the value; empty where it has none. */
  readonly version: string;
}

/**
 * The text of an entry: format, version, stamps and times, then the value as JSON. The version comes
 * first because a script in Redis compares it.
 *
 * @param compressOver bytes of JSON past which they are deflated.
 * @param mostUnpacked bytes of JSON that nobody would unpack any more.
 * @throws {RangeError} when there are more.
 */
export function encodeEntry(
  entry: StoredEntry,
  stamp: StampText,
  compressOver: number,
  mostUnpacked: number,
): string {
  const { version, loadedAtMs, freshMs, loadMs, value } = entry;
  const json = JSON.stringify(packValue(value));
  const isLong = json.length > compressOver;
  if (isLong && Buffer.byteLength(json) > mostUnpacked) {
    throw new RangeError(`an entry that unpacks to over ${mostUnpacked} bytes stays out of Redis`);
  }
  const body = isLong ? deflateRawSync(json).toString('base64') : json;
  const times = `${Math.floor(loadedAtMs)}|${Math.ceil(freshMs)}|${Math.ceil(loadMs)}`;
  return `${format}|${version}|${stamp.whole}${times}|${isLong ? 'z' : 'j'}|${body}`;
}

/**
 * Why a text is no entry that may be served. `elsewhere`: another server or place. `compressed`: nothing
 * that is, is read here.
 */
export type Unreadable = 'foreign' | 'schema' | 'elsewhere' | 'compressed' | 'garbage';

/**
 * Reads what `encodeEntry` wrote under the same stamp. Never throws.
 *
 * @param mostUnpacked bytes to which a compressed entry may unpack, which are held in memory while it is
 * read; 0: none is read.
 */
export function decodeEntry(
  text: string,
  stamp: StampText,
  mostUnpacked: number,
): StoredEntry | Unreadable {
  if (!text.startsWith(`${format}|`)) return 'foreign';
  const versionAt = format.length + 1;
  const stampAt = text.indexOf('|', versionAt) + 1;
  if (!text.startsWith(stamp.whole, stampAt)) {
    return text.startsWith(stamp.schema, stampAt) ? 'elsewhere' : 'schema';
  }
  const loadedAt = stampAt + stamp.whole.length;
  const freshAt = text.indexOf('|', loadedAt) + 1;
  const loadAt = text.indexOf('|', freshAt) + 1;
  const kindAt = text.indexOf('|', loadAt) + 1;
  const loadedAtMs = digitsBetween(text, loadedAt, freshAt - 1);
  const freshMs = digitsBetween(text, freshAt, loadAt - 1);
  const loadMs = digitsBetween(text, loadAt, kindAt - 1);
  if (!(loadedAtMs >= 0 && freshMs >= 0 && loadMs >= 0)) return 'garbage';
  const isPacked = text[kindAt] === 'z';
  if (isPacked && mostUnpacked === 0) return 'compressed';
  const body = text.slice(kindAt + 2);
  try {
    const json = isPacked ? inflate(body, mostUnpacked) : body;
    const parsed: unknown = JSON.parse(json);
    // Most rows hold nothing that JSON lacks, and no such sign either, which is found much sooner.
    const value = json.includes('$') && json.includes('"$"') ? unpackValue(parsed) : parsed;
    return { value, version: text.slice(versionAt, stampAt - 1), loadedAtMs, freshMs, loadMs };
  } catch {
    // Whoever stored this meant something else; to the reader it is a miss, and reported as one.
    return 'garbage';
  }
}

/** A number of a few digits, or NaN. Every hit reads three: by way of a text they cost as much as the row. */
function digitsBetween(text: string, from: number, to: number): number {
  if (from === 0 || to <= from || to - from > mostDigits) return Number.NaN;
  let number = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    number = 10 * number + digit;
  }
  return number;
}

function inflate(body: string, maxOutputLength: number): string {
  return inflateRawSync(Buffer.from(body, 'base64'), { maxOutputLength }).toString();
}

/** A version as entries have it; empty, as if there were none, when it can't be compared. */
export function digitsOf(version: number | bigint): string {
  const text = String(version);
  return /^-?\d+$/.test(text) ? text : '';
}

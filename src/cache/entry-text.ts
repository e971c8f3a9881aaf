import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { packValue, unpackValue } from './codec.ts';

/** Another format, another number: entries of one are misses under the other. */
const format = 'm2';

/** Nothing that fits in a process's cache unpacks to more. */
const mostBytes = 256 * 1_024 * 1_024;

/** What an entry must agree with, else it is a miss. */
export interface EntryStamp {
  /** Fingerprint of the values' shape. */
  readonly schema: string;
  /** The server that it was written on: what another one has is a copy that may miss invalidations. */
  readonly server: string;
  /** Where its source was when it was loaded: a name without `|`. */
  readonly placement: string;
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
  /** Digits that grow with each change of the value; empty where it has none. */
  readonly version: string;
}

/**
 * The text of an entry: format, version, stamps and times, then the value as JSON. The version comes
 * first because a script in Redis compares it.
 *
 * @param compressOver bytes of JSON past which they are deflated.
 */
export function encodeEntry(entry: StoredEntry, stamp: EntryStamp, compressOver: number): string {
  const { version, loadedAtMs, freshMs, loadMs, value } = entry;
  const json = JSON.stringify(packValue(value));
  const isLong = json.length > compressOver;
  const body = isLong ? deflateRawSync(json).toString('base64') : json;
  const { schema, server, placement } = stamp;
  const times = `${Math.floor(loadedAtMs)}|${Math.ceil(freshMs)}|${Math.ceil(loadMs)}`;
  return `${format}|${version}|${schema}|${server}|${placement}|${times}|${isLong ? 'z' : 'j'}|${body}`;
}

/** Why a text is no entry that may be served. */
export type Unreadable = 'foreign' | 'schema' | 'server' | 'placement' | 'garbage';

/** Reads what `encodeEntry` wrote under the same stamp. Never throws. */
export function decodeEntry(text: string, stamp: EntryStamp): StoredEntry | Unreadable {
  const head = text.split('|', headFields);
  const [mark, version, schema, server, placement, loadedAt, fresh, load, kind] = head;
  if (mark !== format || kind === undefined) return 'foreign';
  if (schema !== stamp.schema) return 'schema';
  if (server !== stamp.server) return 'server';
  if (placement !== stamp.placement) return 'placement';
  const [loadedAtMs, freshMs, loadMs] = [Number(loadedAt), Number(fresh), Number(load)];
  const areTimes = [loadedAtMs, freshMs, loadMs].every(
    (time) => Number.isSafeInteger(time) && time >= 0,
  );
  if (!areTimes || version === undefined || !/^\d*$/.test(version)) return 'garbage';
  const body = text.slice(head.reduce((length, field) => length + field.length + 1, 0));
  try {
    const json = kind === 'z' ? inflate(body) : body;
    const parsed: unknown = JSON.parse(json);
    // Most rows hold nothing that JSON lacks.
    const value = json.includes('"$"') ? unpackValue(parsed) : parsed;
    return { value, version, loadedAtMs, freshMs, loadMs };
  } catch {
    // Whoever stored this meant something else; to the reader it is a miss, and reported as one.
    return 'garbage';
  }
}

const headFields = 9;

function inflate(body: string): string {
  return inflateRawSync(Buffer.from(body, 'base64'), { maxOutputLength: mostBytes }).toString();
}

/** A version as entries have it; empty, as if there were none, when it can't be compared. */
export function digitsOf(version: number | bigint): string {
  const text = String(version);
  return /^\d+$/.test(text) ? text : '';
}

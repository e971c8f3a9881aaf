import { RoutingError } from '../errors/routing-error.ts';
import { hasUuidShape, isUuid } from './uuid.ts';

/** A value that decides which shard a row lives on. */
export type ShardKey = string | number | bigint | Uint8Array;

/**
 * The one form of a key that is hashed, so that equal keys share a shard however they are written:
 *
 * - a string is itself; text in UUID form is lower-cased, because the databases compare it so;
 * - an integer, `number` or `bigint`, is its decimal text: `42`, `42n` and `'42'` are one key, and
 *   `-0` is `0`;
 * - bytes are themselves. The 16 bytes of a UUID and its text are two keys; an id made by `newId`
 *   is the exception, since it is not hashed at all.
 *
 * @throws RoutingError for `NaN`, fractions, integers beyond 2^53, text with half a surrogate pair
 *   and every other type. The message never holds the key.
 */
export function canonicalKey(key: ShardKey): string | Uint8Array {
  switch (typeof key) {
    case 'string':
      assertWellFormed(key);
      return foldUuid(key);
    case 'number':
      if (!Number.isSafeInteger(key)) throw new RoutingError(unfitNumber(key));
      return String(key);
    case 'bigint':
      return key.toString();
    default:
      if (isBytes(key)) return key;
      throw new RoutingError(
        `A shard key must be a string, an integer, a bigint or bytes, not ${nameOf(key)}. ` +
          'Pass the value of the shard key column.',
      );
  }
}

/** The bytes that are hashed: those of {@link canonicalKey}, text as UTF-8. Throws as it does. */
export function keyBytes(key: ShardKey): Uint8Array {
  const canonical = canonicalKey(key);
  return typeof canonical === 'string' ? Buffer.from(canonical) : canonical;
}

/** Text in UUID form in lower case; any other text as it is. */
export function foldUuid(text: string): string {
  return hasUuidShape(text) && hasCapital(text) && isUuid(text) ? text.toLowerCase() : text;
}

/** Refuses half surrogate pairs: UTF-8 cannot hold them, so different keys would become one. */
export function assertWellFormed(text: string): void {
  if (/\p{Surrogate}/u.test(text)) {
    throw new RoutingError(
      'This shard key holds half of a surrogate pair, which UTF-8 cannot express. ' +
        'The text was cut within a character: cut it between characters.',
    );
  }
}

/** Whether a value is a Uint8Array, Buffers included. */
export function isBytes(value: unknown): value is Uint8Array {
  // Not instanceof: test runners with several realms (Jest) hand over another realm's Buffers.
  return Object.prototype.toString.call(value) === '[object Uint8Array]';
}

function hasCapital(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x41 && code <= 0x46) return true;
  }
  return false;
}

function unfitNumber(key: number): string {
  if (Number.isInteger(key)) {
    return 'This shard key is an integer beyond 2^53, where numbers lose digits. Pass a bigint or a string.';
  }
  return 'This shard key is a number but not an integer. Pass an integer, a bigint or a string.';
}

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? 'an object' : typeof value;
}

import { RoutingError } from '../errors/routing-error.ts';
import { isBytes } from './ids/is-bytes.ts';
import { isUuid } from './ids/uuid.ts';

/**
 * A value that decides which shard a row lives on.
 *
 * @example
 * const key: ShardKey = 'ada';
 * slotOf(key);
 */
export type ShardKey = string | number | bigint | Uint8Array;

export function isShardKey(value: unknown): value is ShardKey {
  return ['string', 'number', 'bigint'].includes(typeof value) || value instanceof Uint8Array;
}

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
 *
 * @example
 * canonicalKey(42n) === canonicalKey('42'); // true: one key
 */
export function canonicalKey(key: ShardKey): string | Uint8Array {
  switch (typeof key) {
    case 'string':
      return canonicalText(key);
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

/** {@link canonicalKey} of a string. */
export function canonicalText(text: string): string {
  // UTF-8 cannot hold half a pair: the replacement character would make one key of many.
  if (/\p{Surrogate}/u.test(text)) {
    throw new RoutingError(
      'This shard key holds half of a surrogate pair, which UTF-8 cannot express. ' +
        'The text was cut within a character: cut it between characters.',
    );
  }
  return isUuid(text) ? text.toLowerCase() : text;
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

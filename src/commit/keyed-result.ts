import { isDeepStrictEqual } from 'node:util';
import { ConfigError } from '../errors/config-error.ts';
import { packValue, unpackValue } from '../values/pack-value.ts';

const maxResultBytes = 1024 * 1024;

/**
 * What a repetition of an operation is to be told, as text; undefined for undefined.
 *
 * @throws {ConfigError} when that can't be done.
 */
export function packResult(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  let text: string;
  try {
    text = JSON.stringify(packValue(value));
  } catch (cause) {
    throw unstorable('holds a function, a symbol or a circle', cause);
  }
  // Whoever repeats the operation must be told what the first caller was.
  if (!isDeepStrictEqual(unpackValue(JSON.parse(text)), value)) {
    throw unstorable('holds an instance of a class, or another value that would come back changed');
  }
  if (Buffer.byteLength(text) > maxResultBytes) throw unstorable('has over 1 MB');
  return text;
}

function unstorable(what: string, cause?: unknown): ConfigError {
  const message = `${what}, so it can't be stored for a repetition; all was rolled back. Return less, and plain values`;
  return new ConfigError('Bad result of a transaction', [{ path: '', message }], { cause });
}

/** The value that {@link packResult} took apart. */
export function unpackResult(result: string | undefined): unknown {
  return result === undefined ? undefined : unpackValue(JSON.parse(result));
}

import { RoutingError } from '../../errors/routing-error.ts';
import { isBytes } from './is-bytes.ts';
import { hasUuidShape, hexByteAt, isUuid } from './uuid.ts';

/**
 * A Meridian id is an RFC 9562 UUIDv7 whose random part names a slot:
 *
 * ```
 * byte  0–5    milliseconds since 1970
 *       6–7    version 7, then a 12-bit counter
 *       8      variant 10, then the keyspace code (6 bits)
 *       9–10   locator, big-endian: in SQL, CONV(HEX(SUBSTR(id, 10, 2)), 16, 10)
 *       11–15  random
 * ```
 *
 * @see {@link decodeId}
 */
export interface DecodedId {
  /** When it was made, in milliseconds since 1970, by the clock of the process that made it. */
  readonly timeMs: number;
  /** 0–63. */
  readonly keyspaceCode: number;
  /** 0–65535: names a slot of the keyspace. */
  readonly locator: number;
}

const VERSION_7 = 0x70;
const VARIANT = 0x80;

/**
 * Reads an id made by `newId`, in either letter case.
 *
 * Every UUIDv7 has this form: whether an id is Meridian's own shows only by its keyspace code.
 *
 * @throws RoutingError when the text is not a UUIDv7.
 *
 * @example
 * const { keyspaceCode, locator, timeMs } = decodeId(newId(2, 42));
 */
export function decodeId(id: string): DecodedId {
  if (!isUuid(id) || !isVersion7(hexByteAt(id, 14)) || !isVariant10(hexByteAt(id, 19))) {
    throw new RoutingError(
      'This is not a Meridian id. Pass the text of a UUIDv7, as newId makes it.',
    );
  }
  return {
    timeMs: Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16),
    keyspaceCode: hexByteAt(id, 19) & 0x3f,
    locator: (hexByteAt(id, 21) << 8) | hexByteAt(id, 24),
  };
}

/**
 * The locator of a key that is an id of the keyspace, as text in either letter case or as the 16
 * bytes of its `BINARY(16)` column; `undefined` for every other value. Never throws, allocates
 * nothing: it stands before every routed call.
 *
 * @param keyspaceCode 0–63.
 */
export function idLocator(key: unknown, keyspaceCode: number): number | undefined {
  if (typeof key === 'string') return locatorOfText(key, VARIANT | keyspaceCode);
  if (typeof key === 'object' && isBytes(key)) return locatorOfBytes(key, VARIANT | keyspaceCode);
  return undefined;
}

function locatorOfText(text: string, byte8: number): number | undefined {
  // The bytes that set our ids apart come first: most other UUIDs leave here.
  if (!hasUuidShape(text) || hexByteAt(text, 19) !== byte8) return undefined;
  if (!isVersion7(hexByteAt(text, 14)) || !isUuid(text)) return undefined;
  return (hexByteAt(text, 21) << 8) | hexByteAt(text, 24);
}

function locatorOfBytes(bytes: Uint8Array, byte8: number): number | undefined {
  const [, , , , , , byte6 = 0, , variant, high = 0, low = 0] = bytes;
  if (bytes.length !== 16 || variant !== byte8 || !isVersion7(byte6)) return undefined;
  return (high << 8) | low;
}

function isVersion7(byte6: number): boolean {
  return (byte6 & 0xf0) === VERSION_7;
}

function isVariant10(byte8: number): boolean {
  return (byte8 & 0xc0) === VARIANT;
}

import { RoutingError } from '../../errors/routing-error.ts';
import { charCodeAt } from './char-code-at.ts';
import { isBytes } from './is-bytes.ts';

const HYPHEN = 0x2d;

/** Where the two digits of each byte begin in the text: 8-4-4-4-12. */
const DIGITS_AT = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/** Above every byte even when shifted into either digit's place, so one comparison finds it. */
const NOT_A_DIGIT = 0x100;

const HEX = '0123456789abcdef';

/** Value of a hexadecimal digit by character code, in either letter case. */
const DIGIT = new Uint16Array(0x80).fill(NOT_A_DIGIT);
for (let value = 0; value < 16; value++) {
  DIGIT[HEX.charCodeAt(value)] = value;
  DIGIT[HEX.toUpperCase().charCodeAt(value)] = value;
}

/** The byte whose two digits begin at `at`; above 255 when they are not hexadecimal. */
export function hexByteAt(text: string, at: number): number {
  const high = DIGIT[charCodeAt(text, at)] ?? NOT_A_DIGIT;
  const low = DIGIT[charCodeAt(text, at + 1)] ?? NOT_A_DIGIT;
  return (high << 4) | low;
}

/** Whether length and hyphens are those of a UUID: the cheap first look, before the digits. */
export function hasUuidShape(text: string): boolean {
  return (
    text.length === 36 &&
    charCodeAt(text, 8) === HYPHEN &&
    charCodeAt(text, 13) === HYPHEN &&
    charCodeAt(text, 18) === HYPHEN &&
    charCodeAt(text, 23) === HYPHEN
  );
}

/** Whether the text is a UUID in 8-4-4-4-12 form, of any version, in either letter case. */
export function isUuid(text: unknown): boolean {
  if (typeof text !== 'string' || !hasUuidShape(text)) return false;
  for (const at of DIGITS_AT) {
    if (hexByteAt(text, at) > 0xff) return false;
  }
  return true;
}

/**
 * The 16 bytes of a UUID, as a `BINARY(16)` column holds them.
 *
 * @param text 8-4-4-4-12 form, any version, either letter case.
 * @throws RoutingError when the text is anything else; braces, `urn:uuid:` and bare digits included.
 *
 * @example
 * await data.users.at(id).query('SELECT name FROM users WHERE id = ?', [uuidToBytes(id)]);
 */
export function uuidToBytes(text: string): Buffer {
  const bytes = readUuid(text);
  if (bytes !== undefined) return bytes;
  throw new RoutingError('This text is not a UUID. Pass 32 hexadecimal digits in 8-4-4-4-12 form.');
}

/** Like {@link uuidToBytes}, but undefined for any other text. */
export function readUuid(text: string): Buffer | undefined {
  if (!hasUuidShape(text)) return undefined;
  const bytes = Buffer.allocUnsafe(16);
  let seen = 0;
  for (let index = 0; index < 16; index++) {
    const byte = hexByteAt(text, DIGITS_AT[index] ?? 0);
    seen |= byte;
    bytes[index] = byte;
  }
  return seen > 0xff ? undefined : bytes;
}

/** Only its digits are ever written over. */
const scratch = Buffer.from('00000000-0000-0000-0000-000000000000');

/**
 * The text of a UUID from its 16 bytes: 8-4-4-4-12 form, lower case.
 *
 * @throws RoutingError when there are not exactly 16 bytes.
 *
 * @example
 * uuidFromBytes(new Uint8Array(16)); // '00000000-0000-0000-0000-000000000000'
 */
export function uuidFromBytes(bytes: Uint8Array): string {
  if (!isBytes(bytes) || bytes.length !== 16) {
    throw new RoutingError('A UUID has 16 bytes. Pass the value of a BINARY(16) column.');
  }
  let at = 0;
  for (const byte of bytes) {
    scratch[at] = charCodeAt(HEX, byte >>> 4);
    scratch[at + 1] = charCodeAt(HEX, byte & 15);
    at += scratch[at + 2] === HYPHEN ? 3 : 2;
  }
  // One flat string: joined pieces would be flattened by the first reader, at a higher price.
  return scratch.toString('latin1');
}

import type { Statement } from './sql.ts';

/** Type, null bit, length and header of a parameter at most, in bytes. */
const besideValue = 16;
/** Of a number, a time or another value that is no text and no bytes, at most. */
const plainValue = 32;
const besideStatement = 64;

/**
 * Whether a statement with its parameters may be more than the server takes as one packet, in bytes.
 * A server that is sent more hangs up, and then nobody knows whether it read it. O(parameters), and
 * O(characters) only for what is near the limit.
 */
export function isTooLarge({ sql, params }: Statement, maxPacketBytes: number): boolean {
  let most = besideStatement + 3 * sql.length;
  for (const value of params) {
    most += besideValue;
    if (typeof value === 'string') most += 3 * value.length;
    else most += value instanceof Uint8Array ? value.byteLength : plainValue;
  }
  return most > maxPacketBytes && bytesOf({ sql, params }) > maxPacketBytes;
}

function bytesOf({ sql, params }: Statement): number {
  // Text and parameters travel one after the other, each as a packet of its own.
  let bytes = besideStatement;
  for (const value of params) {
    bytes += besideValue;
    if (typeof value === 'string') bytes += Buffer.byteLength(value);
    else bytes += value instanceof Uint8Array ? value.byteLength : plainValue;
  }
  return Math.max(bytes, Buffer.byteLength(sql) + besideStatement);
}

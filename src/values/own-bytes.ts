/**
 * A copy of bytes in memory of its own. Short ones that Node copies share pages of 8 kB, all of which a copy that
 * is kept for long would hold.
 */
export function ownBytes(bytes: Uint8Array): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}

/** Whether a value is a Uint8Array, Buffers included. */
export function isBytes(value: unknown): value is Uint8Array {
  if (value instanceof Uint8Array) return true;
  // Test runners with several realms (Jest) hand over another realm's Buffers.
  return Object.prototype.toString.call(value) === '[object Uint8Array]';
}

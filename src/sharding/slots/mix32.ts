/**
 * Spreads every bit of a 32-bit integer over all 32: the finaliser of MurmurHash3 (`fmix32`).
 * A bijection, so different inputs keep different outputs.
 */
export function mix32(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

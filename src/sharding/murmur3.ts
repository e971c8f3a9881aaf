import { charCodeAt } from './ids/char-code-at.ts';
import { hasUuidShape } from './ids/uuid.ts';
import { canonicalKey, canonicalText, type ShardKey } from './shard-key.ts';
import { mix32 } from './slots/mix32.ts';

/** What the fast path answers for text that is not for it: no hash is negative. */
const NOT_PLAIN = -1;

/** The bit that a UUID's digits and hyphens have unless they are capitals, in each of four bytes. */
const LOWER_CASE = 0x20202020;

const encoder = new TextEncoder();
const scratch = new Uint8Array(1024);

/**
 * MurmurHash3, x86 variant, 32 bits, of the key's canonical bytes (see `canonicalKey`).
 *
 * The placement of every row depends on this function: it never changes, and
 * `test/vectors/shard-keys.json` holds it to that, for other languages too.
 *
 * Source: Austin Appleby, SMHasher, `MurmurHash3_x86_32`. O(length). Short ASCII text, the usual
 * key, is hashed from its characters, without an allocation.
 *
 * @param seed uint32, default 0.
 * @returns uint32.
 * @throws RoutingError when the key is not a {@link ShardKey} or cannot be told apart from others.
 *
 * @example
 * murmur3('hello'); // 613153351
 */
export function murmur3(key: ShardKey, seed = 0): number {
  const plain = typeof key === 'string' ? key : canonicalKey(key);
  if (typeof plain !== 'string') return hashBytes(plain, plain.length, seed);
  const hash = hashPlain(plain, seed);
  return hash === NOT_PLAIN ? hashText(plain, seed) : hash;
}

/** The hash of ASCII text that is canonical as it stands, straight from its characters. */
function hashPlain(text: string, seed: number): number {
  const { length } = text;
  const end = length & ~3;
  let seen = 0;
  let lower = LOWER_CASE;
  let h = seed;
  for (let at = 0; at < end; at += 4) {
    const a = charCodeAt(text, at);
    const b = charCodeAt(text, at + 1);
    const c = charCodeAt(text, at + 2);
    const d = charCodeAt(text, at + 3);
    const block = a | (b << 8) | (c << 16) | (d << 24);
    seen |= a | b | c | d;
    lower &= block;
    h = addBlock(h, block);
  }
  let tail = 0;
  for (let at = length - 1; at >= end; at--) {
    const code = charCodeAt(text, at);
    seen |= code;
    tail = (tail << 8) | code;
  }
  if (seen > 0x7f || (lower !== LOWER_CASE && hasUuidShape(text))) return NOT_PLAIN;
  return finish(h, tail, length);
}

function hashText(text: string, seed: number): number {
  const canonical = canonicalText(text);
  // A UTF-16 unit takes at most three bytes of UTF-8.
  if (canonical.length * 3 > scratch.length) {
    const bytes = encoder.encode(canonical);
    return hashBytes(bytes, bytes.length, seed);
  }
  return hashBytes(scratch, encoder.encodeInto(canonical, scratch).written, seed);
}

function hashBytes(bytes: Uint8Array, length: number, seed: number): number {
  const end = length & ~3;
  let h = seed;
  for (let at = 0; at < end; at += 4) {
    const low = byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8);
    h = addBlock(h, low | (byteAt(bytes, at + 2) << 16) | (byteAt(bytes, at + 3) << 24));
  }
  let tail = 0;
  for (let at = length - 1; at >= end; at--) tail = (tail << 8) | byteAt(bytes, at);
  return finish(h, tail, length);
}

/** Not a DataView: to make one takes longer than to hash a short key. */
function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

function addBlock(hash: number, block: number): number {
  let h = hash ^ scramble(block);
  h = (h << 13) | (h >>> 19);
  return (Math.imul(h, 5) + 0xe6546b64) | 0;
}

function scramble(block: number): number {
  const k = Math.imul(block, 0xcc9e2d51);
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593);
}

function finish(hash: number, tail: number, length: number): number {
  return mix32(hash ^ scramble(tail) ^ length);
}

import { mix32 } from './mix32.ts';
import { assertWellFormed, canonicalKey, foldUuid, type ShardKey } from './shard-key.ts';

/** What the ASCII path answers for other text; no hash is negative. */
const NOT_ASCII = -1;

const encoder = new TextEncoder();
const scratch = new Uint8Array(1024);
const scratchView = new DataView(scratch.buffer);

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
 */
export function murmur3(key: ShardKey, seed = 0): number {
  const canonical = typeof key === 'string' ? foldUuid(key) : canonicalKey(key);
  if (typeof canonical !== 'string') return hashView(viewOf(canonical), canonical.length, seed);
  const hash = hashAscii(canonical, seed);
  return hash === NOT_ASCII ? hashText(canonical, seed) : hash;
}

function hashAscii(text: string, seed: number): number {
  const { length } = text;
  const end = length & ~3;
  let seen = 0;
  let h = seed;
  for (let at = 0; at < end; at += 4) {
    const a = text.charCodeAt(at);
    const b = text.charCodeAt(at + 1);
    const c = text.charCodeAt(at + 2);
    const d = text.charCodeAt(at + 3);
    seen |= a | b | c | d;
    h = addBlock(h, a | (b << 8) | (c << 16) | (d << 24));
  }
  let tail = 0;
  for (let at = length - 1; at >= end; at--) {
    const code = text.charCodeAt(at);
    seen |= code;
    tail = (tail << 8) | code;
  }
  return seen > 0x7f ? NOT_ASCII : finish(h, tail, length);
}

function hashText(text: string, seed: number): number {
  assertWellFormed(text);
  // A UTF-16 unit takes at most three bytes of UTF-8.
  if (text.length * 3 > scratch.length) {
    const bytes = encoder.encode(text);
    return hashView(viewOf(bytes), bytes.length, seed);
  }
  return hashView(scratchView, encoder.encodeInto(text, scratch).written, seed);
}

function hashView(view: DataView, length: number, seed: number): number {
  const end = length & ~3;
  let h = seed;
  for (let at = 0; at < end; at += 4) h = addBlock(h, view.getUint32(at, true));
  let tail = 0;
  for (let at = length - 1; at >= end; at--) tail = (tail << 8) | view.getUint8(at);
  return finish(h, tail, length);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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

import { randomFillSync } from 'node:crypto';
import { assertWithin } from '../places/assert-within.ts';
import { uuidFromBytes } from './uuid.ts';

/**
 * Makes an id that carries its keyspace code (0–63) and locator (0–65535).
 *
 * @see {@link newId}
 */
export type IdSource = (keyspaceCode: number, locator: number) => string;

export interface IdSourceOptions {
  /** Milliseconds since 1970. Default: the system clock. */
  readonly now?: () => number;
  /** Fills the bytes with unpredictable ones. Default: `crypto.randomFillSync`. */
  readonly random?: (bytes: Uint8Array) => void;
}

const KEYSPACE_CODES = 64;
const LOCATORS = 65_536;
const COUNTER_MAX = 0xfff;

/** The counter begins each millisecond in its lower half, so that 2,048 more always fit. */
const COUNTER_START_MASK = 0x7ff;

/** Random bytes are drawn many at a time: a draw costs a microsecond however small it is. */
const POOL_BYTES = 8192;

/**
 * A source of ids that only grow, as text and as bytes: also within one millisecond, and also while
 * the clock steps back (time then stands still) or 4,096 ids have used up a millisecond (time is
 * then borrowed from the next one). RFC 9562, section 6.2, method 1.
 */
export function createIdSource(options: IdSourceOptions = {}): IdSource {
  // Date.now is looked up at each call, so that fake timers work.
  const { now = () => Date.now(), random = randomFillSync } = options;
  const bytes = Buffer.alloc(16);
  const pool = Buffer.alloc(POOL_BYTES);
  let drawn = POOL_BYTES;
  let lastMs = -1;
  let counter = 0;

  function draw(count: number): number {
    if (drawn + count > POOL_BYTES) {
      random(pool);
      drawn = 0;
    }
    const value = pool.readUIntBE(drawn, count);
    drawn += count;
    return value;
  }

  function tick(): void {
    const ms = Math.floor(now());
    if (ms <= lastMs && counter < COUNTER_MAX) {
      counter++;
      return;
    }
    lastMs = Math.max(ms, lastMs + 1);
    counter = draw(2) & COUNTER_START_MASK;
  }

  return (keyspaceCode, locator) => {
    assertWithin('A keyspace code', keyspaceCode, KEYSPACE_CODES);
    assertWithin('A locator', locator, LOCATORS);
    tick();
    bytes.writeUIntBE(lastMs, 0, 6);
    bytes.writeUInt16BE(0x7000 | counter, 6);
    bytes.writeUInt8(0x80 | keyspaceCode, 8);
    bytes.writeUInt16BE(locator, 9);
    bytes.writeUIntBE(draw(5), 11, 5);
    return uuidFromBytes(bytes);
  };
}

/**
 * A new id: a UUIDv7 that names the slot its row lives in, so that finding the row by id needs no
 * lookup, and a row keeps its id when its slot moves to another shard. Later ids of one process sort
 * after earlier ones. For the layout see `decodeId`.
 *
 * @param keyspaceCode 0–63, the keyspace's code in the topology.
 * @param locator 0–65535: the slot in a hash keyspace, `geoLocator(…)` in a geo keyspace.
 * @throws RoutingError when either is out of range.
 *
 * @example
 * newId(2, hashSlotFor('ada', 2)); // an id of keyspace 2, in the slot of 'ada'
 */
export const newId: IdSource = createIdSource();

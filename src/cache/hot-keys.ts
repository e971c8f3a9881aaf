/** One read of so many is counted: counting all would cost more than the reads. */
const readsPerSample = 128;
const counters = 64;
const samplesPerReview = 512;
/** The part of the reads from which on a key is hot. */
const hotShare = 0.01;
const betaOfHot = 4;

/**
 * A key that is asked for often.
 *
 * @example
 * const hottest: HotKey | undefined = prices.hotKeys()[0];
 */
export interface HotKey {
  readonly key: string;
  /** Its part of the sampled reads, 0 to 1. */
  readonly share: number;
}

/**
 * Finds the keys that are read most, in memory that does not grow.
 *
 * Source: A. Metwally, D. Agrawal, A. El Abbadi, "Efficient Computation of Frequent and Top-k
 * Elements in Data Streams", ICDT 2005 (Space-Saving).
 */
export class HotKeys {
  readonly #counts = new Map<string, number>();
  readonly #onChange: (hot: readonly HotKey[]) => void;
  #hot: ReadonlyMap<string, HotKey> = new Map();
  #untilSample = readsPerSample;
  #samples = 0;
  /** No count is lower: the first one that is no higher may leave, without a look at the others. */
  #least = 0;

  /** @param onChange told when other keys than before are hot. */
  constructor(onChange: (hot: readonly HotKey[]) => void) {
    this.#onChange = onChange;
  }

  /** The hot keys, the hottest first. */
  get hottest(): HotKey[] {
    return [...this.#hot.values()].sort((a, b) => b.share - a.share);
  }

  /** Counts a read. O(1) but for about one in 128, which is O(64). */
  count(key: string): void {
    if (--this.#untilSample === 0) this.#sample(key);
  }

  /** How eagerly a key is refreshed before its time, as XFetch has it. */
  betaOf(key: string): number {
    return this.#hot.has(key) ? betaOfHot : 1;
  }

  #sample(key: string): void {
    // At random, or reads that come in turns would be missed or counted double.
    this.#untilSample = 1 + Math.floor(2 * readsPerSample * Math.random());
    const count = this.#counts.get(key);
    if (count !== undefined) this.#counts.set(key, count + 1);
    else if (this.#counts.size < counters) this.#counts.set(key, 1);
    else this.#takeOver(key);
    if (++this.#samples === samplesPerReview) this.#review();
  }

  /** The least counted leaves its place and its count, which bounds the error. */
  #takeOver(key: string): void {
    let leaving = '';
    let count = Number.POSITIVE_INFINITY;
    for (const [held, heldCount] of this.#counts) {
      if (heldCount >= count) continue;
      leaving = held;
      count = heldCount;
      if (count <= this.#least) break;
    }
    this.#least = count;
    this.#counts.delete(leaving);
    this.#counts.set(key, count + 1);
  }

  #review(): void {
    const total = this.#samples;
    // A count may be too high by as much as the least one.
    const least = this.#counts.size < counters ? 0 : Math.min(...this.#counts.values());
    const hot = new Map<string, HotKey>();
    for (const [key, count] of this.#counts) {
      const share = (count - least) / total;
      if (share >= hotShare) hot.set(key, { key, share });
      this.#counts.set(key, count / 2);
    }
    this.#samples = total / 2;
    this.#least = 0;
    const isChanged =
      hot.size !== this.#hot.size || [...hot.keys()].some((key) => !this.#hot.has(key));
    this.#hot = hot;
    if (isChanged) this.#onChange(this.hottest);
  }
}

/** Keys remembered as dropped; past that, all that was begun before is taken for dropped. */
const mostKeys = 10_000;

/** Tells whether a key was invalidated since a read of it began, without a list of the reads. */
export class Drops {
  readonly #lastOf = new Map<string, number>();
  #count = 0;
  #forgottenUpTo = 0;

  /** A moment; what is dropped later is dropped since. */
  get now(): number {
    return this.#count;
  }

  add(key: string): void {
    if (this.#lastOf.size >= mostKeys) {
      this.#lastOf.clear();
      this.#forgottenUpTo = this.#count;
    }
    this.#lastOf.set(key, ++this.#count);
  }

  /** Whether a key was dropped since that moment; true also when that is not known any more. O(1). */
  has(key: string, since: number): boolean {
    if (since === this.#count) return false;
    return since < this.#forgottenUpTo || (this.#lastOf.get(key) ?? 0) > since;
  }
}

const fewest = 1;
const most = 4;
const windowMs = 50;
const windowBatches = 20;
/** A limit is worth a change when reads wait by so much less. */
const gain = 0.95;
/** Windows until the next trial: the fewest after a change, more after each trial that failed. */
const soonest = 4;
const latest = 128;

/**
 * How many statements of a lane run at a time. Fewer make larger batches, of which each row costs less; more
 * let the server and the process work beside each other, and hold up less when one is slow. Which is better
 * depends on the shards, the cores and the callers, so it is tried: now and then one more or one fewer for a
 * window, which stays when reads wait less than in the windows before and after it.
 *
 * The mean wait of a read tells, from when it joins until it is answered. Under a steady load that is also the
 * throughput, by Little's law.
 */
export class LaneLimit {
  current = 2;
  #direction: 1 | -1 = -1;
  #calm = soonest;
  #patience = soonest;
  /** Of the windows of a trial: the mean wait before it and during it. */
  #before: number | undefined;
  #during: number | undefined;
  #windowEnd = 0;
  #batches = 0;
  #reads = 0;
  #waitedMs = 0;
  #wasReached = false;

  /** Reads had to wait for room: the limit matters. */
  reached(): void {
    this.#wasReached = true;
  }

  /** A batch of `reads` came back, which had waited so long all together. */
  measure(reads: number, waitedMs: number, now: number): void {
    if (this.#batches === 0) this.#windowEnd = now + windowMs;
    this.#batches++;
    this.#reads += reads;
    this.#waitedMs += waitedMs;
    if (this.#batches < windowBatches || now < this.#windowEnd) return;
    const mean = this.#waitedMs / this.#reads;
    this.#batches = this.#reads = this.#waitedMs = 0;
    this.#close(mean, this.#wasReached);
    this.#wasReached = false;
  }

  #close(meanMs: number, wasReached: boolean): void {
    if (this.#before === undefined) {
      // Where no read waits for room, nothing can be learnt.
      if (wasReached && --this.#calm <= 0) this.#try(meanMs);
    } else if (this.#during === undefined) {
      this.#during = meanMs;
      this.current -= this.#direction;
    } else {
      this.#judge(this.#during < gain * Math.min(this.#before, meanMs));
    }
  }

  #try(meanMs: number): void {
    const next = this.current + this.#direction;
    if (next < fewest || next > most) this.#direction = this.#direction === 1 ? -1 : 1;
    this.#before = meanMs;
    this.current += this.#direction;
  }

  #judge(isBetter: boolean): void {
    this.#before = this.#during = undefined;
    if (isBetter) {
      this.current += this.#direction;
      this.#patience = soonest;
    } else {
      this.#direction = this.#direction === 1 ? -1 : 1;
      this.#patience = Math.min(latest, 2 * this.#patience);
    }
    this.#calm = this.#patience;
  }
}

import { slotsPerDay, slotsPerWeek } from './season.ts';

/** What a new week counts for beside those before it: weights of 1, 0.6, 0.36 … */
const weekWeight = 0.4;
const dayWeight = 0.2;

/** The load that is usual at each time of the week; where no week is known yet, at each time of day. */
export class SeasonalProfile {
  readonly #week = new Float64Array(slotsPerWeek).fill(Number.NaN);
  readonly #day = new Float64Array(slotsPerDay).fill(Number.NaN);
  #slot = -1;
  #sum = 0;
  #count = 0;

  /** Takes the load of a step; a slot is learned when it is over. O(1). */
  learn(slot: number, load: number): void {
    const index = Math.floor(slot);
    if (index !== this.#slot) {
      if (this.#count > 0) this.#close(this.#slot, this.#sum / this.#count);
      this.#slot = index;
      this.#sum = 0;
      this.#count = 0;
    }
    this.#sum += load;
    this.#count++;
  }

  /** Between two slots in a straight line. NaN where nothing is known. O(1). */
  at(slot: number): number {
    const index = Math.floor(slot);
    const here = this.#known(index);
    return here + (this.#known(index + 1) - here) * (slot - index);
  }

  #known(index: number): number {
    const slot = index >= slotsPerWeek ? index - slotsPerWeek : index;
    const usual = this.#week[slot] ?? Number.NaN;
    return Number.isNaN(usual) ? (this.#day[slot % slotsPerDay] ?? Number.NaN) : usual;
  }

  #close(slot: number, load: number): void {
    blend(this.#week, slot, load, weekWeight);
    blend(this.#day, slot % slotsPerDay, load, dayWeight);
  }
}

function blend(values: Float64Array, index: number, load: number, weight: number): void {
  const before = values[index] ?? Number.NaN;
  values[index] = Number.isNaN(before) ? load : before + weight * (load - before);
}

import { slotsPerDay, slotsPerWeek } from './season.ts';

/** What a new week counts for beside those before it: weights of 1, 0.6, 0.36 … */
const weekWeight = 0.4;
const dayWeight = 0.2;

/** A slot of so many times the usual is a spike, and learned as so many times only: it must not come back next week. */
const mostRise = 3;

/** The load that is usual at each time of the week; where no week is known yet, at each time of day. */
export class SeasonalProfile {
  readonly #week = new Float64Array(slotsPerWeek).fill(Number.NaN);
  readonly #day = new Float64Array(slotsPerDay).fill(Number.NaN);
  readonly #offset: number;
  readonly #span: number;
  #slot = -1;
  #sum = 0;
  #count = 0;

  /**
   * @param offset a load that is little, whatever is usual.
   * @param slotsPerStep a step that is longer than a slot is learned for all that it spans.
   */
  constructor(offset: number, slotsPerStep: number) {
    this.#offset = offset;
    this.#span = Math.max(1, Math.ceil(slotsPerStep));
  }

  /** Takes the load of a step; a slot is learned when it is over. O(slots a step). */
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
    const part = slot - index;
    return part === 0 ? here : here + (this.#known(index + 1) - here) * part;
  }

  #known(index: number): number {
    const slot = index >= slotsPerWeek ? index - slotsPerWeek : index;
    const usual = this.#week[slot] ?? Number.NaN;
    return Number.isNaN(usual) ? (this.#day[slot % slotsPerDay] ?? Number.NaN) : usual;
  }

  #close(first: number, load: number): void {
    for (let slot = first; slot < first + this.#span; slot++) {
      const at = slot % slotsPerWeek;
      const usual = this.#known(at);
      const most = Number.isNaN(usual) ? load : mostRise * (usual + this.#offset);
      blend(this.#week, at, Math.min(load, most), weekWeight);
      blend(this.#day, at % slotsPerDay, Math.min(load, most), dayWeight);
    }
  }
}

function blend(values: Float64Array, index: number, load: number, weight: number): void {
  const before = values[index] ?? Number.NaN;
  values[index] = Number.isNaN(before) ? load : before + weight * (load - before);
}

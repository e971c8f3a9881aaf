/** Milliseconds between two slots of a season. */
export const slotMs = 300_000;
const dayMs = 86_400_000;
export const slotsPerDay = dayMs / slotMs;
export const slotsPerWeek = 7 * slotsPerDay;

/** 1970 began on a Thursday; weeks here begin on a Monday. */
const epochOffsetMs = 3 * dayMs;

/**
 * Tells where in the week a moment is, by the clock of a time zone: load follows people's clocks, so a
 * profile kept in UTC is an hour off twice a year.
 */
export class WeekClock {
  readonly #format: Intl.DateTimeFormat | undefined;
  #offsetMs = 0;
  #offsetOfQuarter = Number.NaN;

  /** @throws {RangeError} when the time zone is not one that the runtime knows. */
  constructor(timeZone: string) {
    if (timeZone === 'UTC') return;
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    });
  }

  /** Slots since Monday at midnight, with the fraction of the slot that has passed. O(1). */
  slotAt(atMs: number): number {
    const local = atMs + epochOffsetMs + this.#offsetAt(atMs);
    const slots = local / slotMs;
    return ((slots % slotsPerWeek) + slotsPerWeek) % slotsPerWeek;
  }

  #offsetAt(atMs: number): number {
    if (this.#format === undefined) return 0;
    // Zones of half hours change their clocks within an hour of UTC.
    const quarter = Math.floor(atMs / 900_000);
    if (quarter !== this.#offsetOfQuarter) {
      this.#offsetOfQuarter = quarter;
      this.#offsetMs = offsetIn(this.#format, atMs);
    }
    return this.#offsetMs;
  }
}

function offsetIn(format: Intl.DateTimeFormat, atMs: number): number {
  const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]));
  const part = (name: Intl.DateTimeFormatPartTypes) => parts.get(name) ?? 0;
  const local = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
  );
  return local - Math.floor(atMs / 60_000) * 60_000;
}

/** Who takes part in an apportionment. */
export interface Claimant {
  /** Above 0. */
  readonly weight: number;
  /** How many slots it owns now. Default 0. */
  readonly held?: number;
}

/**
 * Gives each claimant a capacity: its exact share of the slots, rounded down or up, so that all slots
 * are given out. Who holds more than its share rounded down is rounded up first, since it would lose
 * a slot otherwise; then who has the larger remainder (Hamilton's method); then who comes first.
 */
export function apportion<T extends Claimant>(
  claimants: readonly T[],
  slots: number,
): (T & { capacity: number })[] {
  const heaviest = claimants.reduce((most, { weight }) => Math.max(most, weight), 0);
  // Scaled to at most 1, so that no sum of weights overflows.
  const total = claimants.reduce((sum, { weight }) => sum + weight / heaviest, 0);

  const shares = claimants.map((claimant) => {
    const quota = withoutNoise((slots * (claimant.weight / heaviest)) / total);
    const capacity = Math.floor(quota);
    return { claimant: { ...claimant, capacity }, remainder: quota - capacity };
  });

  const left = slots - shares.reduce((sum, { claimant }) => sum + claimant.capacity, 0);
  const roundedUp = shares
    .filter(({ remainder }) => remainder > 0)
    .sort((a, b) => wouldLose(b.claimant) - wouldLose(a.claimant) || b.remainder - a.remainder)
    .slice(0, left);
  for (const { claimant } of roundedUp) claimant.capacity++;
  return shares.map(({ claimant }) => claimant);
}

function wouldLose({ held = 0, capacity }: Claimant & { capacity: number }): number {
  return held > capacity ? 1 : 0;
}

/** A quota beside a whole number is that number: rounding noise must not pass for a remainder. */
function withoutNoise(quota: number): number {
  const whole = Math.round(quota);
  return Math.abs(quota - whole) < 1e-9 ? whole : quota;
}

/** Says how great the load gets in the time that an instance takes to be there. */
export interface Forecaster {
  readonly name: 'profile' | 'holt-winters' | 'last-value';
  /** A step is over. `slot` is where in the week it began. */
  close(step: number, slot: number, load: number): void;
  /** The history has a hole: what was asked before it is never answered. */
  interrupt(): void;
  /** The greatest load expected from this step to the horizon; NaN while nothing is known. O(1). */
  peak(step: number, slot: number, load: number): number;
}

/** Where the horizon is looked at, in steps from now. */
export function knotsOf(horizon: number): number[] {
  const parts = [0.25, 0.5, 0.75, 1].map((part) => Math.max(1, Math.round(part * horizon)));
  return [...new Set(parts)];
}

/** The load now, as the greatest: what is known of a load without a pattern. */
export const lastValue: Forecaster = {
  name: 'last-value',
  close: () => {},
  interrupt: () => {},
  peak: (_step, _slot, load) => load,
};

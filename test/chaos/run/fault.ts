import type { SeededRandom } from '../../support/seeded-random.ts';

/** Something that can be broken. */
export interface Fault {
  readonly name: string;
  /** Two faults of one subject never come together: one could not be told from the other. */
  readonly subject: string;
  strike(random: SeededRandom): Promise<Strike>;
}

/** What was broken. */
export interface Strike {
  readonly what: string;
  /** Mends it. What happens in a moment needs none. */
  readonly mend?: () => Promise<void>;
}

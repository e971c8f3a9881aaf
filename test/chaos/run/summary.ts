import type { Violation } from '../model/checker.ts';
import type { Outcome } from './experiment.ts';

export function violationsOf({ violations }: Outcome, cache: string): Violation[] {
  return violations.filter(({ read }) => read.cache === cache);
}

/** What was done and broken, and what each cache made of it. */
export function summaryOf(outcome: Outcome): string {
  const { operations, incidents, tallies, failures } = outcome;
  const begin = incidents[0]?.at ?? 0;
  return [
    `${operations} operations, ${failures.length} failures`,
    ...incidents.map(({ at, text }) => `  ${((at - begin) / 1_000_000).toFixed(2)} s  ${text}`),
    ...[...tallies].map(
      ([name, tally]) =>
        `${name}: ${violationsOf(outcome, name).length} violations; ${JSON.stringify(tally)}`,
    ),
  ].join('\n');
}

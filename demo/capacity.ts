import { type MeasuredLimit, measureCapacity } from 'meridian/scaling';
import { anyOf } from './residents.ts';
import type { Data, User } from './tables.ts';
import { count, withProgress } from './terminal.ts';

/** Milliseconds within which 99 of 100 reads are to be answered. */
export const slowMs = 50;

/** What one process carries of reads that no cache answers. */
export function measureReads(data: Data, users: readonly User[]): Promise<MeasuredLimit> {
  let state = 'measuring what one instance carries';
  return withProgress(
    () => state,
    () =>
      measureCapacity(
        (signal) => data.users.get(anyOf(users).id, { consistency: 'primary', signal }),
        {
          targetMs: slowMs,
          startPerSecond: 1_000,
          growth: 2,
          stepMs: 1_000,
          precision: 0.2,
          onStep: ({ perSecond, good }) => {
            state = `${count(perSecond)} reads/s: ${good ? 'in time' : 'too slow'}`;
          },
        },
      ),
  );
}

import { setTimeout as pass } from 'node:timers/promises';

const patienceMs = 5_000;

/** Looks until what is found is as wished, or patience ends; gives what was found last. */
export async function until<T>(
  look: () => Promise<T>,
  isAsWished: (found: T) => boolean,
): Promise<T> {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (isAsWished(found) || performance.now() > endMs) return found;
    await pass(20);
  }
}

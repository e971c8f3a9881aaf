import { afterEach, beforeAll, expect } from 'vitest';

/**
 * What would end a user's process: a rejection that nobody handles, an event `error` without a
 * listener. Vitest fails the run for it; here the test fails during which it came.
 */
const unowned: unknown[] = [];
const note = (failure: unknown) => void unowned.push(failure);

beforeAll(() => {
  process.on('unhandledRejection', note);
  process.on('uncaughtException', note);
  return () => {
    process.off('unhandledRejection', note);
    process.off('uncaughtException', note);
  };
});

afterEach(async () => {
  // Node reports a rejection once the microtasks of its turn are done.
  await new Promise((resolve) => setImmediate(resolve));
  expect(unowned.splice(0), 'failures without an owner').toEqual([]);
});

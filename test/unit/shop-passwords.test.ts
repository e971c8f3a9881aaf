import { isMeridianError } from 'meridian';
import { expect, it, vi } from 'vitest';
import { hashPassword, isPassword } from '../../examples/shop/user-auth/password.ts';

it('knows a password again, and no other', async () => {
  const stored = await hashPassword('correct horse');
  expect(await isPassword('correct horse', stored)).toBe(true);
  expect(await isPassword('Correct horse', stored)).toBe(false);
  expect(await isPassword('correct horse', undefined)).toBe(false);
  expect(await hashPassword('correct horse')).not.toBe(stored);
});

it('turns a flood away, serves some, and blocks nobody', async () => {
  let turns = 0;
  const turning = setInterval(() => turns++, 1);
  const flood = await Promise.allSettled(Array.from({ length: 400 }, () => hashPassword('x')));
  clearInterval(turning);
  const refused = flood.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  expect(flood.length - refused.length).toBeGreaterThan(0);
  expect(refused.length).toBeGreaterThan(100);
  for (const error of refused) {
    // Where a hash takes longer than its limit, the guard's breaker spares those who come after.
    expect(isMeridianError(error) && error.code).toMatch(
      /^MERIDIAN_(OVERLOAD|TIMEOUT|CIRCUIT_OPEN)$/,
    );
  }
  expect(turns).toBeGreaterThan(10);
  // The breaker of a busy machine closes again by itself.
  await vi.waitFor(async () => expect(await isPassword('x', await hashPassword('x'))).toBe(true), {
    timeout: 20_000,
    interval: 500,
  });
}, 30_000);

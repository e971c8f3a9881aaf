import { CircuitOpenError } from 'meridian';
import { createGuard } from 'meridian/resilience';
import { expect, it } from 'vitest';

it('who is refused by an open breaker is told what failed last', async () => {
  const guard = createGuard('inventory', { failures: 2, openMs: 60_000, retries: 0 });
  for (const what of ['first', 'last']) {
    await expect(
      guard.run(async () => {
        throw new Error(what);
      }),
    ).rejects.toThrow(what);
  }
  const refused = await guard.run(async () => 1).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(CircuitOpenError);
  expect(refused).toMatchObject({ cause: { message: 'last' } });
});

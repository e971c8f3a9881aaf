import { fallback, handleAll, type IPolicy, retry, wrap } from 'cockatiel';
import { createGuard, type Guard } from 'meridian/resilience';
import { expectTypeOf, it } from 'vitest';

it('a policy of cockatiel is taken as it is, and what it may answer with is an answer of the guard', () => {
  expectTypeOf(createGuard('a', { policy: retry(handleAll, {}) })).toEqualTypeOf<Guard<never>>();
  const guard = createGuard('b', { policy: fallback(handleAll, 'none' as const) });
  expectTypeOf(guard.run(async () => 1)).resolves.toEqualTypeOf<number | 'none'>();
  const both = createGuard('c', { policy: wrap(retry(handleAll, {}), fallback(handleAll, 0)) });
  expectTypeOf(both.run(async () => 'a')).resolves.toEqualTypeOf<string | number>();
});

it('a guard is a policy of cockatiel', () => {
  const guard = createGuard('a');
  expectTypeOf(guard.asPolicy()).toExtend<IPolicy>();
  const policy = wrap(retry(handleAll, {}), guard.asPolicy({ timeoutMs: 100 }));
  expectTypeOf(policy.execute(async () => 1)).resolves.toEqualTypeOf<number>();
  // @ts-expect-error a policy's callers give their own signal
  guard.asPolicy({ signal: AbortSignal.timeout(1) });
});

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as cockatiel from 'cockatiel';

type Call = () => Promise<unknown>;
type Run = (work: Call) => Promise<unknown>;

/** cockatiel as its users put it together: timeout round bulkhead round breaker. */
export function cockatielGuard(): Run {
  const policy = cockatiel.wrap(
    cockatiel.timeout(1_000, cockatiel.TimeoutStrategy.Aggressive),
    cockatiel.bulkhead(32, 256),
    cockatiel.circuitBreaker(cockatiel.handleAll, {
      halfOpenAfter: 1_000,
      breaker: new cockatiel.SamplingBreaker({ threshold: 0.5, duration: 10_000 }),
    }),
  );
  return (work) => policy.execute(work);
}

export function cockatielOpen(): Run {
  const policy = cockatiel.circuitBreaker(cockatiel.handleAll, {
    halfOpenAfter: 3_600_000,
    breaker: new cockatiel.ConsecutiveBreaker(1),
  });
  return (work) => policy.execute(work);
}

/** opossum, where the peers of the benches are installed. */
export function opossumGuard(): Run | undefined {
  const peers = new URL('./peers/package.json', import.meta.url);
  if (!existsSync(new URL('./node_modules/opossum', peers))) return undefined;
  const opossum: unknown = createRequire(peers)('opossum');
  if (typeof opossum !== 'function') return undefined;
  const breaker: unknown = Reflect.construct(opossum, [
    (work: Call) => work(),
    { timeout: 1_000, capacity: 32, errorThresholdPercentage: 50 },
  ]);
  if (typeof breaker !== 'object' || breaker === null) return undefined;
  const fire: unknown = Reflect.get(breaker, 'fire');
  if (typeof fire !== 'function') return undefined;
  return (work) => fire.call(breaker, work);
}

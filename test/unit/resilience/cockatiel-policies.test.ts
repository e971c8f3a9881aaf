import {
  BrokenCircuitError,
  bulkhead,
  ConsecutiveBreaker,
  ConstantBackoff,
  circuitBreaker,
  fallback,
  handleAll,
  handleWhen,
  retry,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel';
import {
  AbortedError,
  CircuitOpenError,
  ConfigError,
  isMeridianError,
  OverloadError,
  TimeoutError,
} from 'meridian';
import { createGuard } from 'meridian/resilience';
import { expect, it, vi } from 'vitest';

const failing = () => Promise.reject(new Error('down'));
const thrice = retry(handleAll, { maxAttempts: 2, backoff: new ConstantBackoff(1) });
const failureOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => new Error('it did not fail'),
    (error) => error,
  );

it('a policy runs the work inside of the guard: its repetitions take one place and count once', async () => {
  const guard = createGuard('stock', { policy: thrice, failures: 2 });
  const running: number[] = [];
  const work = vi.fn(async () => {
    running.push(guard.snapshot().running);
    throw new Error('down');
  });
  await expect(guard.run(work)).rejects.toThrow('down');
  expect(work).toHaveBeenCalledTimes(3);
  expect(running).toEqual([1, 1, 1]);
  expect(guard.state).toBe('closed');
  await expect(guard.run(work)).rejects.toThrow('down');
  expect(guard.state).toBe('open');
  await expect(guard.run(work)).rejects.toThrow(CircuitOpenError);
  expect(work).toHaveBeenCalledTimes(6);
});

it('an open circuit, a full bulkhead and a timeout of a policy are errors of Meridian with an outcome', async () => {
  const breaking = circuitBreaker(handleAll, {
    halfOpenAfter: 60_000,
    breaker: new ConsecutiveBreaker(1),
  });
  const broken = createGuard('broken', { policy: breaking });
  await failureOf(broken.run(failing));
  const open = await failureOf(broken.run(failing, { idempotent: true }));
  expect(open).toBeInstanceOf(CircuitOpenError);
  expect(open).toMatchObject({ outcome: 'not-applied', retryable: true });
  expect(open).toHaveProperty('cause', expect.any(BrokenCircuitError));

  const narrow = createGuard('narrow', { policy: bulkhead(1, 0) });
  const [, full] = await Promise.all([
    narrow.run(() => new Promise<void>((resolve) => setTimeout(resolve, 20))),
    failureOf(narrow.run(async () => {})),
  ]);
  expect(full).toBeInstanceOf(OverloadError);
  expect(full).toMatchObject({ outcome: 'not-applied', retryable: true });

  const slow = createGuard('slow', { policy: timeout(10, TimeoutStrategy.Aggressive) });
  const late = await failureOf(slow.run(() => new Promise(() => {})));
  expect(late).toBeInstanceOf(TimeoutError);
  expect(late).toMatchObject({ outcome: 'unknown', retryable: false });
});

it('work that had begun may have been applied, though the policy refused its repetition', async () => {
  const policy = wrap(
    thrice,
    circuitBreaker(handleAll, { halfOpenAfter: 60_000, breaker: new ConsecutiveBreaker(1) }),
  );
  const error = await failureOf(createGuard('stock', { policy }).run(failing));
  expect(error).toBeInstanceOf(CircuitOpenError);
  expect(error).toMatchObject({ outcome: 'unknown', retryable: false });
});

it('what a policy refuses by itself says nothing about the dependency', async () => {
  const guard = createGuard('stock', { policy: bulkhead(1, 0), failures: 2, retries: 0 });
  let end = () => {};
  const first = guard.run(() => new Promise<void>((resolve) => (end = resolve)));
  for (let call = 0; call < 10; call++) await failureOf(guard.run(async () => {}));
  expect(guard.state).toBe('closed');
  expect(guard.snapshot().throttled).toBe(0);
  end();
  await first;
});

it("a policy's fallback answers, and the guard's own deadline and signal end what it does", async () => {
  const kind = createGuard('kind', { policy: fallback(handleAll, 'none') });
  expect(await kind.run(failing)).toBe('none');
  const seen: AbortSignal[] = [];
  const patient = createGuard('patient', { policy: thrice, timeoutMs: 20 });
  const endless = ({ signal }: { signal: AbortSignal }) => {
    seen.push(signal);
    return new Promise((_, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason)),
    );
  };
  expect(await failureOf(patient.run(endless))).toBeInstanceOf(TimeoutError);
  const leaving = AbortSignal.timeout(5);
  const left = await failureOf(patient.run(endless, { signal: leaving, timeoutMs: 1_000 }));
  expect(left).toBeInstanceOf(AbortedError);
  expect(seen.map(({ aborted }) => aborted)).toEqual([true, true]);
});

it('a guard is a policy for code that composes policies', async () => {
  const guard = createGuard('stock', { failures: 100, concurrency: 4 });
  const again = handleWhen((error) => !isMeridianError(error) || error.retryable);
  const policy = wrap(
    retry(again, { maxAttempts: 2, backoff: new ConstantBackoff(1) }),
    guard.asPolicy({ idempotent: false, timeoutMs: 500 }),
  );
  const work = vi.fn(failing);
  await expect(policy.execute(work)).rejects.toThrow('down');
  expect(work).toHaveBeenCalledTimes(3);
  expect(await policy.execute(({ signal }) => signal.aborted)).toBe(false);
  guard.trip('of a test');
  await expect(policy.execute(work)).rejects.toThrow(CircuitOpenError);
  expect(work).toHaveBeenCalledTimes(3);
});

it('a guard as a policy tells of its calls, and ends with the signal that it is given', async () => {
  const guard = createGuard('stock');
  const policy = guard.asPolicy();
  const told: unknown[] = [];
  policy.onSuccess((event) => told.push(event));
  policy.onFailure((event) => told.push(event));
  await policy.execute(() => 1);
  await failureOf(policy.execute(failing));
  await failureOf(
    policy.execute(() => Promise.reject(Object.assign(new Error('no'), { status: 404 }))),
  );
  expect(told).toMatchObject([
    { duration: expect.any(Number) },
    { handled: true, reason: { error: { message: 'down' } } },
    { handled: false, reason: { error: { message: 'no' } } },
  ]);
  const error = await failureOf(policy.execute(() => new Promise(() => {}), AbortSignal.abort()));
  expect(error).toBeInstanceOf(AbortedError);
});

it.each([[{ execute: 1 }], ['retry'], [null]])('%s is no policy', (policy) => {
  // As JavaScript may give it, where no type says that it is wrong.
  expect(() => Reflect.apply(createGuard, undefined, ['stock', { policy }])).toThrow(ConfigError);
});

it('C17: a mistyped option of a call is refused, and the right one named', async () => {
  const guard = createGuard('stock');
  const mistyped = Object.assign({ timeoutMs: 10 }, { idempotant: true });
  await expect(guard.run(async () => 1, mistyped)).rejects.toThrow("did you mean 'idempotent'?");
  expect(() => guard.asPolicy(mistyped)).toThrow(ConfigError);
});

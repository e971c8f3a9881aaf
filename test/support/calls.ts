/** A call that ends when the test says so. */
export function held<T = string>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  let calls = 0;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return {
    work: () => {
      calls++;
      return promise;
    },
    resolve,
    reject,
    get calls() {
      return calls;
    },
  };
}

/** A monotonic clock that the test moves. */
export function manualClock() {
  let time = 1_000;
  return {
    now: () => time,
    pass(ms: number) {
      time += ms;
    },
  };
}

/** What a promise is rejected with, or undefined. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Lets everything run that is waiting for nothing but its turn. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

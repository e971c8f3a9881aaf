/**
 * Settles like `work`, or rejects after `timeoutMs`; what comes later is dropped. The timer keeps no
 * process alive.
 */
export function withTimeLimit<T>(work: () => Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`no answer within ${timeoutMs} ms`));
    // After a stall of the event loop timers run before the sockets are read: let an answer win.
    const timer = setTimeout(() => setImmediate(late), timeoutMs);
    timer.unref();
    const settle = (end: () => void) => {
      clearTimeout(timer);
      end();
    };
    // Also what `work` throws before it returns a promise.
    new Promise<T>((started) => started(work())).then(
      (value) => settle(() => resolve(value)),
      (error) => settle(() => reject(error)),
    );
  });
}

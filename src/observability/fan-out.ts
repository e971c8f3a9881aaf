import type { Observer } from './events.ts';

/**
 * One observer for several. An observer that throws must not fail the call it watches, so its
 * error is raised outside of it, as an uncaught exception: a broken observer is a bug to see.
 */
export function fanOut(observers: readonly Observer[]): Observer {
  if (observers.length === 0) return () => {};
  return (event) => {
    for (const observer of observers) {
      try {
        observer(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  };
}

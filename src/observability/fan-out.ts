import { isWanted, type MeridianEvent, type Observer } from './events.ts';

/**
 * One observer for several. One that throws must not fail the call it watches, nor end the process: its
 * first error is a process warning, without the event, since a broken observer is a bug to see.
 */
export function fanOut(observers: readonly Observer[]): Observer {
  const broken = new Set<Observer>();
  const tell = (observer: Observer, type: string, error: unknown) => {
    if (broken.has(observer)) return;
    broken.add(observer);
    const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.emitWarning(
      `An observer threw when it was told of '${type}': ${said}`,
      'MeridianWarning',
    );
  };
  const observe = (event: MeridianEvent) => {
    for (const observer of observers) {
      try {
        if (!isWanted(observer, event.type)) continue;
        const told: unknown = observer(event);
        // One that is an async function.
        if (told instanceof Promise) told.catch((error) => tell(observer, event.type, error));
      } catch (error) {
        tell(observer, event.type, error);
      }
    }
  };
  return Object.assign(observe, {
    wants: (type: MeridianEvent['type']) =>
      observers.some((one) => {
        try {
          return isWanted(one, type);
        } catch (error) {
          tell(one, type, error);
          return false;
        }
      }),
  });
}

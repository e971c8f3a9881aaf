import { ConfigError } from '../errors/config-error.ts';
import type { MemoryRead } from './cache-events.ts';
import type { DataLayerState } from './data-layer-state.ts';
import { isWanted, type MeridianEvent, type Observer } from './events.ts';
import { GuardedTrace } from './guarded-trace.ts';
import { type CountingObserver, MemoryReads } from './memory-reads.ts';

type EventType = MeridianEvent['type'];

/** One observer for several, of one data layer, cache or guard. */
export interface FanOut extends CountingObserver {
  (event: MeridianEvent): void;
  wants(type: EventType): boolean;
  /** Hands what reads the state to the observers who want to read it. @throws {ConfigError} when one can't serve it. */
  attachAll(state: () => DataLayerState): void;
}

/**
 * One observer for several. One that throws must not fail the call it watches, nor end the process: its
 * first error is a process warning, without the event, since a broken observer is a bug to see.
 *
 * @param counts whether those who read the state find there the reads that memory answers, and are not told of each.
 */
export function fanOut(
  observers: readonly Observer[],
  { counts: isCounting = false } = {},
): FanOut {
  const warn = warnOnce();
  /** Those who are told of a type; each is asked once whether it wants to be. */
  const told = new Map<EventType, readonly Observer[]>();
  const toldOf = (type: EventType): readonly Observer[] => {
    let those = told.get(type);
    if (those === undefined) {
      those = observers.filter((one) => {
        try {
          return isWanted(one, type);
        } catch (error) {
          warn(one, `asked whether it wants '${type}'`, error);
          return false;
        }
      });
      told.set(type, those);
    }
    return those;
  };
  const tell = (those: readonly Observer[], event: MeridianEvent) => {
    for (const observer of those) {
      try {
        const answer: unknown = observer(event);
        // One that is an async function.
        if (answer instanceof Promise) {
          answer.catch((error) => warn(observer, `told of '${event.type}'`, error));
        }
      } catch (error) {
        warn(observer, `told of '${event.type}'`, error);
      }
    }
  };
  const counts = new Map<string, MemoryReads>();
  const memoryReads = (event: MemoryRead) => {
    const kind = JSON.stringify([event.type, event.table, 'operation' in event && event.operation]);
    let reads = counts.get(kind);
    if (reads === undefined) {
      const those = toldOf(event.type).filter(({ attach }) => !isCounting || attach === undefined);
      reads = new MemoryReads(event, those.length > 0 ? (each) => tell(those, each) : undefined);
      counts.set(kind, reads);
    }
    return reads;
  };
  const attachAll = (state: () => DataLayerState) => {
    const detaches: (() => void)[] = [];
    for (const observer of observers) {
      try {
        const detach = observer.attach?.({ state, memoryReads: () => counts.values() });
        if (detach !== undefined) detaches.push(detach);
      } catch (error) {
        if (error instanceof ConfigError) {
          for (const detach of detaches) detach();
          throw error;
        }
        warn(observer, 'handed the state of a data layer', error);
      }
    }
  };
  const observe = (event: MeridianEvent) => tell(toldOf(event.type), event);
  const wants = (type: EventType) => toldOf(type).length > 0;
  return Object.assign(observe, {
    wants,
    memoryReads,
    attachAll,
    trace: tracerOf(observers, warn),
  });
}

function warnOnce(): Warn {
  const broken = new Set<Observer>();
  return (observer, when, error) => {
    if (broken.has(observer)) return;
    broken.add(observer);
    const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.emitWarning(`An observer threw when it was ${when}: ${said}`, 'MeridianWarning');
  };
}

type Warn = (observer: Observer, when: string, error: unknown) => void;

/** How the observer that follows calls does so; undefined where none does. */
function tracerOf(observers: readonly Observer[], warn: Warn): Observer['trace'] {
  const tracer = observers.find(({ trace }) => trace !== undefined);
  if (tracer === undefined) return undefined;
  return (call) => {
    try {
      const trace = tracer.trace?.(call);
      return trace && new GuardedTrace(trace, (when, error) => warn(tracer, when, error));
    } catch (error) {
      warn(tracer, 'asked to follow a call', error);
      return undefined;
    }
  };
}

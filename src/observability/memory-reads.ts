import type { MemoryRead } from './cache-events.ts';
import { isWanted, type Observer } from './events.ts';

/**
 * Reads of one kind that memory answered. They take a quarter of a microsecond, so that telling of each
 * would cost more than the read: they are counted, and told one by one to those observers only who want that.
 */
export class MemoryReads {
  readonly event: MemoryRead;
  count = 0;
  readonly #tell: ((event: MemoryRead) => void) | undefined;

  constructor(event: MemoryRead, tell: ((event: MemoryRead) => void) | undefined) {
    this.event = event;
    this.#tell = tell;
  }

  add(): void {
    this.count++;
    this.#tell?.(this.event);
  }
}

/** An observer that also keeps count of reads that memory answers. */
export interface CountingObserver extends Observer {
  memoryReads(event: MemoryRead): MemoryReads;
}

/** The count for reads of a kind, one for each kind where the observer keeps count. */
export function memoryReadsOf(
  observe: Observer | CountingObserver,
  event: MemoryRead,
): MemoryReads {
  if ('memoryReads' in observe && typeof observe.memoryReads === 'function') {
    return observe.memoryReads(event);
  }
  return new MemoryReads(event, isWanted(observe, event.type) ? observe : undefined);
}

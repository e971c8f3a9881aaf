import { openSync, writeSync } from 'node:fs';
import type { Moment } from '../model/history.ts';

/** One line of a history file. A write is begun before the source is told, so none is missing. */
export type Entry =
  | { is: 'begun'; id: string; key: string; absent: boolean; at: Moment }
  | { is: 'told'; id: string; cache: string; outcome: 'done' | 'pending'; at: Moment }
  | { is: 'read'; cache: string; key: string; begun: Moment; ended: Moment; version: number | null }
  | { is: 'failed'; cache: string; message: string; at: Moment }
  | { is: 'tally'; cache: string; memory: number; redis: number; miss: number; stale: number };

/** Now, on the clock that all processes of this machine share. */
export function now(): Moment {
  return Number(process.hrtime.bigint() / 1_000n);
}

/** Appends to a history file. Each line is with the kernel at once: SIGKILL takes none back. */
export class Recorder {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  write(entry: Entry): void {
    writeSync(this.#file, `${JSON.stringify(entry)}\n`);
  }
}

import { ConfigError } from '../errors/config-error.ts';
import type { Calls } from '../execution/calls.ts';
import type { OpenDirectory } from './open-lookups.ts';
import type { SweepResult } from './sweeper.ts';

export interface SweepOptions {
  /** Ends the sweep; what is settled by then stays. */
  readonly signal?: AbortSignal;
  /** Milliseconds for the whole sweep. Default: as long as it takes. */
  readonly timeoutMs?: number;
}

/** The directory of unique values, as a whole. */
export interface DirectoryHandle {
  /**
   * Settles every write that has been under way for longer than `directory.reservationMs`, of any
   * process: what was committed is confirmed, what was not can not be committed any more. Each
   * process does it by itself every `directory.sweepMs`.
   *
   * @throws {ConfigError} when no table has lookups; {@link UnavailableError} when a shard of the
   * directory does not answer.
   */
  sweep(options?: SweepOptions): Promise<SweepResult>;
}

export function directoryHandle(
  directory: OpenDirectory | undefined,
  calls: Calls,
): DirectoryHandle {
  return Object.freeze({
    async sweep(options: SweepOptions = {}) {
      if (directory === undefined) {
        throw new ConfigError('There is no directory', [
          { path: 'tables', message: 'no table has lookups, so there is nothing to sweep' },
        ]);
      }
      const { deadline, end } = calls.open('upkeep', options);
      try {
        return await directory.sweeper.sweep(deadline);
      } finally {
        end();
      }
    },
  });
}

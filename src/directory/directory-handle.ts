import { ConfigError } from '../errors/config-error.ts';
import type { CallGate } from '../execution/call-gate.ts';
import type { OpenDirectory } from './open-lookups.ts';
import type { SweepResult } from './sweeper.ts';

/**
 * When a sweep has to be over.
 *
 * @example
 * await data.admin.directory.sweep({ timeoutMs: 10_000, signal });
 */
export interface SweepOptions {
  /** Ends the sweep; what is resolved by then stays. */
  readonly signal?: AbortSignal;
  /** Milliseconds for the whole sweep. Default: as long as it takes. */
  readonly timeoutMs?: number;
}

/**
 * The directory of unique values, as a whole.
 *
 * @example
 * const { pending } = await data.admin.directory.sweep({ timeoutMs: 10_000 });
 */
export interface DirectoryHandle {
  /**
   * Resolves every write that has been under way for longer than `directory.reservationMs`, of any
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
  calls: CallGate,
): DirectoryHandle {
  return Object.freeze({
    sweep(options: SweepOptions = {}) {
      const { timeoutMs = Number.POSITIVE_INFINITY } = options;
      return calls.run('directory.sweep', undefined, { ...options, timeoutMs }, async (call) => {
        if (directory !== undefined) return directory.sweeper.sweep(call);
        throw new ConfigError('There is no directory', [
          { path: 'tables', message: 'no table has lookups, so there is nothing to sweep' },
        ]);
      });
    },
  });
}

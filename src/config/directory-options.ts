import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { strictObject } from './strict-object.ts';

const leastKeyBytes = 16;
/** Two are needed while a key is changed. */
const mostKeys = 16;
const keyRule = `must be text or bytes, at least ${leastKeyBytes} bytes long`;

const keyIdBytes = 4;

/** A key as an object that no log or inspection can print, and what names it in the entries made with it. */
export interface DirectoryKey {
  readonly key: KeyObject;
  /** Tells nothing about the key. */
  readonly id: Buffer;
}

const secretKey = z
  .custom<string | Uint8Array>(
    (key) =>
      (typeof key === 'string' || key instanceof Uint8Array) &&
      Buffer.byteLength(key) >= leastKeyBytes,
    keyRule,
  )
  .transform((given): DirectoryKey => {
    const key = createSecretKey(typeof given === 'string' ? Buffer.from(given) : given);
    const named = createHmac('sha256', key).update('meridian directory key').digest();
    return { key, id: named.subarray(0, keyIdBytes) };
  });

const milliseconds = z
  .number()
  .min(1)
  .max(2 ** 31 - 1);

/** A sweep comes up to half an interval late, and a timer past 2^31 ms would fire at once. */
const sweepInterval = milliseconds.max(2 ** 30);

/** The directory of unique values, with every default filled in. */
export const directorySettings = strictObject({
  keyspace: z.string(),
  keys: z
    .array(secretKey)
    .max(
      mostKeys,
      `holds more than ${mostKeys} keys; drop those that no service looks values up with`,
    )
    .default([])
    .refine(
      (keys) => keys.every(({ key }, at) => !keys.slice(0, at).some((one) => one.key.equals(key))),
      'holds the same key twice',
    ),
  reservationMs: milliseconds.default(5_000),
  sweepMs: z.union([z.literal(false), z.literal(0), sweepInterval]).default(60_000),
});

export type DirectoryConfig = z.output<typeof directorySettings>;

/**
 * Where unique values are kept, and under which keys those of persons.
 *
 * @example
 * const directory: DirectoryOptions = {
 *   keyspace: 'ledger',
 *   keys: [process.env.DIRECTORY_KEY ?? ''],
 * };
 * await createDataLayer({ ...options, directory });
 */
export interface DirectoryOptions {
  /** The hash keyspace that holds the directory. All services of a system use the same. */
  readonly keyspace: string;
  /**
   * Secret keys of at least 16 bytes, under which personal values are hashed. Every value is entered
   * under all of them and looked up under the first: that is how keys are changed.
   */
  readonly keys?: readonly [string | Uint8Array, ...(string | Uint8Array)[]];
  /**
   * Milliseconds after which a write that did not end counts as abandoned, by the clock of the
   * directory's shard. Default 5,000.
   */
  readonly reservationMs?: number;
  /** About every so many milliseconds this process resolves abandoned writes; 0 or `false`: never. Default 60,000. */
  readonly sweepMs?: number | false;
}

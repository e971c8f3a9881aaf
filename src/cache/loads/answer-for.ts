import { LoaderError } from '../../errors/loader-error.ts';

/** The values of a load, one for each of its keys. @throws {LoaderError} when they are not. */
export function answerFor<V>(keys: readonly string[], values: unknown): readonly (V | null)[];
export function answerFor(keys: readonly string[], values: unknown): readonly unknown[] {
  if (Array.isArray(values) && values.length === keys.length) return values;
  const count = Array.isArray(values) ? `${values.length} values` : 'no array';
  throw new LoaderError(
    `A loader was asked for ${keys.length} ${keys.length === 1 ? 'key' : 'keys'} and answered with ` +
      `${count}. Return one value for each key, in the order of the keys, and null where there is none.`,
    { context: { keys: keys.length, values: Array.isArray(values) ? values.length : undefined } },
  );
}

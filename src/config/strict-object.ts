import { z } from 'zod';
import type { Problem } from '../errors/config-error.ts';
import { didYouMean, shownName } from './did-you-mean.ts';

const mostKeys = 10;

/** A zod object that refuses unknown keys and says which known key was probably meant. */
export function strictObject<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined;
      const told = issue.keys
        .slice(0, mostKeys)
        .map(
          (key) =>
            `unknown key '${shownName(key)}'${didYouMean(key, known) || `; known: ${known.join(', ')}`}`,
        );
      const more = issue.keys.length - told.length;
      return [...told, ...(more > 0 ? [`${more} more unknown keys`] : [])].join('. ');
    },
  });
}

/** Parses a value; what is wrong is appended to `problems` under `path`, and `undefined` returned. */
export function parseInto<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  path: string,
  problems: Problem[],
): z.output<Schema> | undefined {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const at = [path, ...issue.path.map(String)].filter((part) => part !== '').join('.');
    problems.push({ path: at, message: issue.message });
  }
  return undefined;
}

import type { z } from 'zod';

const plainTypes = new Set(['string', 'number', 'bigint', 'boolean', 'date', 'enum', 'literal']);
const wrappers = new Set(['nullable', 'optional']);
/** Checks that change the value, or are code of the service's own. */
const lively = new Set(['overwrite', 'custom']);

/** What of a type's definition tells whether it gives back what it is given. */
interface Definition {
  readonly type: string;
  readonly coerce?: boolean;
  readonly innerType?: z.core.$ZodType;
  readonly checks?: readonly z.core.$ZodCheck<never>[];
}

/**
 * Whether a schema takes again, unchanged, whatever it has given: no transform, default, coercion, trimming or
 * refinement is in it, and nothing nested.
 */
export function isPlainSchema(schema: z.ZodObject): boolean {
  return !hasLively(schema) && Object.values(schema.shape).every(isPlain);
}

function isPlain(type: z.core.$ZodType): boolean {
  const { type: name, coerce, innerType }: Definition = type._zod.def;
  if (coerce === true || hasLively(type)) return false;
  if (wrappers.has(name)) return innerType !== undefined && isPlain(innerType);
  return plainTypes.has(name);
}

function hasLively(type: z.core.$ZodType): boolean {
  const { checks = [] }: Definition = type._zod.def;
  return checks.some(({ _zod }) => lively.has(_zod.def.check));
}

import { z } from 'zod';

/** What a column holds, seen from TypeScript. */
export type ValueKind =
  | 'uuid'
  | 'string'
  | 'date-text'
  | 'integer'
  | 'number'
  | 'bigint'
  | 'boolean'
  | 'date'
  | 'json'
  | 'custom';

export interface ColumnKind {
  readonly kind: ValueKind;
  readonly nullable: boolean;
  readonly optional: boolean;
  /** The texts of an enum. */
  readonly members?: readonly string[];
}

const wrappers = new Set([
  'optional',
  'nullable',
  'default',
  'prefault',
  'readonly',
  'nonoptional',
]);
const composite = new Set([
  'object',
  'array',
  'record',
  'tuple',
  'intersection',
  'any',
  'unknown',
  'lazy',
]);

/** Reads off a zod type what its column must hold. Returns a message when no column can hold it. */
export function columnKind(schema: z.core.$ZodType): ColumnKind | string {
  let inner = schema;
  let nullable = false;
  let optional = false;
  while (wrappers.has(inner._zod.def.type)) {
    nullable ||= inner instanceof z.ZodNullable;
    optional ||= inner instanceof z.ZodOptional;
    const unwrapped: unknown = Reflect.get(inner._zod.def, 'innerType');
    if (!isZodType(unwrapped)) return 'has a wrapper that can not be read';
    inner = unwrapped;
  }
  const found = plainKind(inner);
  if (typeof found === 'string') return found;
  // z.unknown() and some unions take null as well, which is stored as NULL.
  if (found.kind === 'json') nullable ||= z.safeParse(inner, null).success;
  // What has a default is never absent.
  const absent = optional ? z.safeParse(schema, undefined) : undefined;
  if (absent?.success && absent.data !== undefined) optional = false;
  return { nullable, optional, ...found };
}

type PlainKind = Pick<ColumnKind, 'kind' | 'members'>;

function plainKind(schema: z.core.$ZodType): PlainKind | string {
  if (schema instanceof z.ZodNumber) return { kind: schema.isInt ? 'integer' : 'number' };
  if (schema instanceof z.ZodBigInt) return { kind: 'bigint' };
  if (schema instanceof z.ZodBoolean) return { kind: 'boolean' };
  if (schema instanceof z.ZodDate) return { kind: 'date' };
  if (schema instanceof z.ZodCustom) return { kind: 'custom' };
  // Of a numeric TypeScript enum the object also holds the names; they are no values.
  if (schema instanceof z.ZodEnum) return kindOfValues([...schema._zod.values]);
  if (schema instanceof z.ZodLiteral) return kindOfValues([...schema.values]);
  if (schema._zod.def.type === 'string' || schema._zod.def.type === 'template_literal') {
    const format: unknown = Reflect.get(schema, 'format');
    if (format === 'uuid' || format === 'guid') return { kind: 'uuid' };
    return { kind: format === 'date' ? 'date-text' : 'string' };
  }
  if (schema instanceof z.ZodUnion) return kindOfUnion(schema);
  if (composite.has(schema._zod.def.type)) return jsonKind(schema);
  return `has the zod type '${schema._zod.def.type}', which no column holds; store plain values and transform them in your service`;
}

function kindOfUnion(schema: z.ZodUnion): PlainKind | string {
  const kinds = schema.options.map((option) => plainKind(option));
  const [first] = kinds;
  const same =
    typeof first === 'object' &&
    kinds.every((kind) => typeof kind === 'object' && kind.kind === first.kind);
  return same && first.kind !== 'json' ? { kind: first.kind } : jsonKind(schema);
}

function kindOfValues(values: readonly unknown[]): PlainKind | string {
  const types = new Set(values.map((value) => typeof value));
  if (types.size !== 1) return 'mixes values of several types in one column';
  if (types.has('string')) return { kind: 'string', members: values.map(String) };
  if (types.has('boolean')) return { kind: 'boolean' };
  if (types.has('bigint')) return { kind: 'bigint' };
  return { kind: values.every(Number.isSafeInteger) ? 'integer' : 'number' };
}

/** JSON has neither Date nor bigint nor bytes: inside, they would come back as something else. */
function jsonKind(schema: z.core.$ZodType): PlainKind | string {
  const lost = findLossy(schema, new Set());
  if (lost === undefined) return { kind: 'json' };
  return lost === 'catch'
    ? "is stored as JSON and holds a 'catch', which reads what does not fit as something else"
    : `is stored as JSON but holds a '${lost}', which JSON lacks; use a string or a number inside`;
}

const lossy = new Set([
  'date',
  'bigint',
  'map',
  'set',
  'symbol',
  'undefined',
  'nan',
  'file',
  'custom',
  'transform',
  'pipe',
  'catch',
]);

function findLossy(schema: z.core.$ZodType, seen: Set<unknown>): string | undefined {
  if (seen.has(schema)) return undefined;
  seen.add(schema);
  if (lossy.has(schema._zod.def.type)) return schema._zod.def.type;
  for (const child of childrenOf(schema)) {
    const found = findLossy(child, seen);
    if (found !== undefined) return found;
  }
  return undefined;
}

function childrenOf(schema: z.core.$ZodType): z.core.$ZodType[] {
  const { def } = schema._zod;
  if (def.type === 'lazy') {
    const inner: unknown = Reflect.get(schema._zod, 'innerType');
    return isZodType(inner) ? [inner] : [];
  }
  const fields = [
    'innerType',
    'element',
    'shape',
    'options',
    'items',
    'valueType',
    'left',
    'right',
    'rest',
  ];
  return fields.flatMap((field) => {
    const value: unknown = Reflect.get(def, field);
    if (isZodType(value)) return [value];
    return typeof value === 'object' && value !== null
      ? Object.values(value).filter(isZodType)
      : [];
  });
}

function isZodType(value: unknown): value is z.core.$ZodType {
  return typeof value === 'object' && value !== null && '_zod' in value;
}

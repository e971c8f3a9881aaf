import type { z } from 'zod';
import { ConfigError } from '../../errors/config-error.ts';
import { RowUnreadableError } from '../../errors/row-error.ts';
import { uuidFromBytes } from '../../sharding/ids/uuid.ts';
import { columnKind, type ValueKind } from '../schema/column-kind.ts';
import {
  doubledKey,
  hasDoubledKeys,
  hasExactNumbers,
  inexactNumber,
} from '../schema/json-value.ts';

type RawRow = Readonly<Record<string, unknown>>;

/** Gives raw column values the form that a kind of zod type expects; others pass unchanged. */
const forms: Partial<Record<ValueKind, (raw: unknown) => unknown>> = {
  uuid: (raw) => (raw instanceof Uint8Array && raw.length === 16 ? uuidFromBytes(raw) : raw),
  bigint: (raw) => (/^-?\d+$/.test(String(raw)) ? BigInt(String(raw)) : raw),
  integer: (raw) => (/^-?\d+$/.test(String(raw)) ? Number(raw) : raw),
  number: (raw) => (typeof raw === 'string' ? (exactNumber(raw) ?? raw) : raw),
  // To MySQL a comparison is a BIGINT, which comes as text.
  boolean: (raw) =>
    raw === 0 || raw === 1 || raw === '0' || raw === '1' ? Number(raw) === 1 : raw,
  'date-text': (raw) => (raw instanceof Date ? raw.toISOString().slice(0, 10) : raw),
};

/**
 * Reads the rows of a raw query under a schema of the caller's: a COUNT or BIGINT becomes the
 * bigint or number that the schema names, 16 bytes become a UUID, JSON text is parsed.
 *
 * @throws {ConfigError} when the schema names a type that no column has.
 */
function resultDecoder<Schema extends z.ZodObject>(
  schema: Schema,
): (raw: RawRow) => z.output<Schema> {
  const columns = Object.entries(schema.shape).map(([name, type]) => {
    const kind = columnKind(type);
    if (typeof kind === 'string')
      throw new ConfigError('Bad schema', [{ path: name, message: kind }]);
    return { name, kind };
  });
  return (raw) => {
    const row: Record<string, unknown> = {};
    for (const { name, kind } of columns) {
      const value = raw[name];
      if (value === null && kind.optional && !kind.nullable) continue;
      row[name] = value === null || value === undefined ? value : formOf(name, kind.kind, value);
    }
    const parsed = schema.safeParse(row);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new RowUnreadableError(
      'the query',
      issue?.path.join('.') ?? '?',
      `does not fit: ${issue?.message}`,
    );
  };
}

/** A double holds any 15 digits; a number with more stays text, which the schema then refuses. */
function exactNumber(text: string): number | undefined {
  const parts = /^-?0*(\d+)(?:\.(\d*?)0*)?$/.exec(text);
  if (parts === null) return undefined;
  const [, whole = '', fraction = ''] = parts;
  const value = Number(text);
  const exact = fraction === '' ? Number.isSafeInteger(value) : (whole + fraction).length <= 15;
  return exact ? value : undefined;
}

function formOf(name: string, kind: ValueKind, value: unknown): unknown {
  if (kind !== 'json') return forms[kind]?.(value) ?? value;
  if (typeof value !== 'string') return value;
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    throw new RowUnreadableError('the query', name, 'is not JSON text');
  }
  if (!hasExactNumbers(value)) throw new RowUnreadableError('the query', name, inexactNumber);
  if (hasDoubledKeys(value, parsed)) throw new RowUnreadableError('the query', name, doubledKey);
  return parsed;
}

/** How the rows of a raw query are handed out: as they are, or under the caller's schema. */
export function decoderOf({
  schema,
}: {
  schema?: z.ZodObject | undefined;
}): (row: RawRow) => RawRow {
  return schema === undefined ? (row) => row : resultDecoder(schema);
}

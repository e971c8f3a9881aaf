import type { z } from 'zod';
import type { TableShape } from '../mysql/schema/table-shape.ts';
import { isUuid } from '../sharding/ids/uuid.ts';
import type { CheckedColumn } from './checked-row.ts';
import { type ColumnCodec, columnCodec } from './schema/column-codec.ts';
import type { RowSchema } from './schema/define-table.ts';
import type { RowPlan } from './schema/table-plan.ts';

/** A column of a table, with what translates its values. */
export interface CodedColumn extends CheckedColumn {
  readonly codec: ColumnCodec;
  readonly nullable: boolean;
  readonly optional: boolean;
}

/** The columns that both the schema and the database have. */
export function codedColumns<Schema extends RowSchema>(
  plan: RowPlan<Schema>,
  shape: TableShape,
): CodedColumn[] {
  return [...plan.columns].flatMap(([name, { storedAs, nullable, optional }]) => {
    const column = shape.columns.get(name);
    const type: z.core.$ZodType | undefined = plan.table.schema.shape[name];
    if (column === undefined || type === undefined) return [];
    const own = columnCodec(storedAs, column);
    const codec = storedAs === 'string' && isShardKey(plan.table, name) ? ownerCodec(own) : own;
    return [{ name, codec, type, nullable, optional, isJson: storedAs === 'json' }];
  });
}

function isShardKey(
  table: RowPlan['table'] & { readonly shardKey?: string },
  name: string,
): boolean {
  return table.shardKey === name && table.primaryKey !== name;
}

/** An owner whose key is in UUID form is one owner in either letter case, as routing has it. */
function ownerCodec({ encode, decode }: ColumnCodec): ColumnCodec {
  return {
    encode(value) {
      const encoded = encode(value);
      return typeof encoded === 'string' && isUuid(encoded) ? encoded.toLowerCase() : encoded;
    },
    decode,
  };
}

import type { ColumnComparison } from '../../rows/schema/column-comparison.ts';
import { columnKind } from '../../rows/schema/column-kind.ts';
import type { TableRuntime } from '../../rows/table-runtime.ts';

/** A column by whose value a row is on one shard. */
export interface PlacingColumn {
  /** In lower case. */
  readonly name: string;
  /** Columns of different forms may be equal to the server while they place rows on different shards. */
  readonly form: string;
  /** Whether the server calls equal only what places rows alike. */
  readonly isExact: boolean;
  readonly collation: string | undefined;
}

/** Where the rows of a declared table are, as far as its columns tell. */
export interface PlacedTable {
  readonly name: string;
  /** Tables of one home have the rows of one owner on one shard. */
  readonly home: string;
  readonly owner: PlacingColumn;
  readonly key: PlacingColumn;
  /** All columns of its schema, in lower case. */
  readonly columns: ReadonlySet<string>;
}

export function placedTable({ table, compared, forwarding }: TableRuntime): PlacedTable {
  const { name, keyspace, group, schema, primaryKey, shardKey } = table;
  const placing = (column: string, { equality, collation }: ColumnComparison): PlacingColumn => {
    const type = schema.shape[column];
    const kind = type === undefined ? undefined : columnKind(type);
    const plain = typeof kind === 'object' ? kind.kind : 'custom';
    return {
      name: column.toLowerCase(),
      form: `${plain} as ${table.columns[column] ?? plain}`,
      // No UUID ends in a space.
      isExact: equality === 'exact' || (equality === 'padded' && plain === 'uuid'),
      collation,
    };
  };
  return {
    name,
    // Owners that move take the rows of their group along, and those of no other.
    home: forwarding.mayMove ? `group ${group?.name ?? name}` : `keyspace ${keyspace}`,
    owner: placing(shardKey, compared.owner),
    key: placing(primaryKey, compared.key),
    columns: new Set(Object.keys(schema.shape).map((column) => column.toLowerCase())),
  };
}

import type { ReadThrough } from '../cache/read-through.ts';
import type { ReadBatcher } from '../execution/batches/read-batcher.ts';
import type { CallGate } from '../execution/call-gate.ts';
import type { Executor } from '../execution/executor.ts';
import type { LoadGates } from '../execution/load-gates.ts';
import type { Forwarding } from '../forwarding/forwarding.ts';
import type { unmoved } from '../forwarding/unmoved.ts';
import type { IpLocator } from '../sharding/places/locate-place.ts';
import type { TopologyStore } from '../topology/topology-store.ts';
import type { Audited } from './audited.ts';
import type { RowCodec } from './row-codec.ts';
import type { ColumnComparison } from './schema/column-comparison.ts';
import type { RowOf, RowSchema, Table } from './schema/define-table.ts';
import type { SeenWrites } from './sessions/seen-writes.ts';
import type { TableStatements } from './statements.ts';
import type { RowIndex } from './writes/row-index.ts';

/** What one table's reads work with. Built once, when the data layer starts. */
export interface RowsRuntime<Schema extends RowSchema = RowSchema> {
  readonly table: Table<string, string, Schema>;
  readonly codec: RowCodec<Schema>;
  readonly statements: TableStatements;
  readonly cache: ReadThrough<RowOf<Schema>> | undefined;
  readonly batcher: ReadBatcher;
  /** What loads of the cache pass through on their way to a shard. */
  readonly gates: LoadGates;
  /** How SQL compares the columns that name a row and its owner. */
  readonly compared: { readonly key: ColumnComparison; readonly owner: ColumnComparison };
  /** 1 where SQL may call different keys equal, so that they can't be asked for together. */
  readonly keysPerStatement: number;
  /** The most bytes of one statement that every server takes which is known by now. */
  maxPacketBytes(): number;
  readonly topology: TopologyStore;
  /** Where this process runs. */
  readonly region: string | undefined;
  readonly audited: Audited;
  /** Finds rows whose owner was moved. */
  readonly forwarding: Forwarding | typeof unmoved;
  readonly locateIp: IpLocator | undefined;
  readonly executor: Executor;
  readonly calls: CallGate;
  /** What the reads of a session must see, and its writes add to. */
  readonly seen: SeenWrites;
}

/** What one table's reads and writes work with. */
export interface TableRuntime<Schema extends RowSchema = RowSchema> extends RowsRuntime<Schema> {
  readonly index: RowIndex<Schema>;
}

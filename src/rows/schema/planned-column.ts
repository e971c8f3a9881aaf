import type { DirectoryConfig } from '../../config/directory-options.ts';
import type { Topology } from '../../topology/topology.ts';
import type { StoredAs } from './column-codec.ts';
import type { ColumnKind } from './column-kind.ts';

/** What a column holds and how it is stored. */
export interface PlannedColumn extends ColumnKind {
  readonly storedAs: StoredAs;
}

/** Tells one problem of a table: where in its definition, and what would be right. */
export type Report = (path: string, message: string) => void;

/** What a table's definition is checked against. */
export interface PlanContext {
  readonly topology: Topology | undefined;
  readonly directory: DirectoryConfig | undefined;
}

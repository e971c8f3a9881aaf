import type { AllOptions } from '../reference/reference-types.ts';
import type { RelocateOptions } from '../relocation/relocate-owner.ts';
import type { OwnedListOptions } from '../rows/reads/owned-rows.ts';
import type { QueryOptions } from '../rows/reads/query-options.ts';
import type { ReadOptions } from '../rows/reads/read-path.ts';
import type { Tables } from '../rows/schema/row-types.ts';
import type { InsertOptions } from '../rows/writes/write-path.ts';
import type { ScatterOptions } from '../scatter/scatter-types.ts';
import type { ExecuteOptions } from './table-types.ts';
import type { TransactionOptions } from './transactions/transaction-options.ts';

type Name =
  | keyof ReadOptions
  | keyof OwnedListOptions
  | keyof AllOptions
  | keyof RelocateOptions
  | keyof QueryOptions
  | keyof ScatterOptions
  | keyof ExecuteOptions<Tables>
  | keyof TransactionOptions
  | keyof InsertOptions;

const names = {
  signal: true,
  timeoutMs: true,
  priority: true,
  consistency: true,
  token: true,
  maxAgeMs: true,
  limit: true,
  after: true,
  maxRows: true,
  schema: true,
  regions: true,
  merge: true,
  touches: true,
  scope: true,
  idempotencyKey: true,
  isolation: true,
  retries: true,
  payload: true,
  set: true,
  pauseMs: true,
} satisfies Record<Name, true>;

/** Every option that some call of a data layer knows: one beside them is mistyped. */
export const callOptionNames: ReadonlySet<string> = new Set([...Object.keys(names), 'exact']);

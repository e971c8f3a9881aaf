/**
 * Meridian: the data layer of a distributed service, as a library.
 *
 * @module
 */

export type { SweptOutcomes } from './commit/outcome-sweeper.ts';
export type { BreakerWindow } from './config/breaker-window.ts';
export type { DirectoryOptions } from './config/directory-options.ts';
export type { ServerTlsOptions } from './config/tls-settings.ts';
export type {
  KeyspaceDocument,
  RegionDocument,
  ReplicaDocument,
  ShardDocument,
  TopologyDocument,
} from './config/topology-document.ts';
export type { DataLayerOptions } from './data-layer/data-layer-options.ts';
export type {
  CloseOptions,
  CloseReport,
  DataLayer,
  PlacementOptions,
} from './data-layer/data-layer-types.ts';
export { createDataLayer } from './data-layer.ts';
export type { DirectoryHandle, SweepOptions } from './directory/directory-handle.ts';
export type {
  BackfillOptions,
  BackfillProgress,
  BackfillResult,
} from './directory/lookup-backfill.ts';
export type { SweepResult } from './directory/sweeper.ts';
export {
  AbortedError,
  CircuitOpenError,
  ClosedError,
  OverloadError,
  TimeoutError,
} from './errors/call-error.ts';
export { ConfigError, type Problem } from './errors/config-error.ts';
export {
  DuplicateKeyError,
  RolledBackError,
  StatementError,
  UnavailableError,
  UnknownOutcomeError,
} from './errors/database-error.ts';
export { type HttpStatus, httpStatusOf } from './errors/http-status.ts';
export { type IdempotencyConflict, IdempotencyConflictError } from './errors/idempotency-error.ts';
export { LoaderError } from './errors/loader-error.ts';
export {
  type ErrorCode,
  isMeridianError,
  MeridianError,
  type Outcome,
} from './errors/meridian-error.ts';
export { RelocationError, type RelocationRefusal } from './errors/relocation-error.ts';
export { ResidencyError, type ResidencyFacts } from './errors/residency-error.ts';
export { RoutingError } from './errors/routing-error.ts';
export { RowError, RowUnreadableError } from './errors/row-error.ts';
export { MergeError, PartialWriteError, type ShardResult } from './errors/scatter-error.ts';
export type { CallOptions } from './execution/call-gate.ts';
export type { CredentialsOf } from './execution/endpoints.ts';
export type { SqlValue } from './mysql/sql/sql.ts';
export type { CallEvent, CallOperation } from './observability/call-event.ts';
export type { DataLayerState, EndpointStateNow } from './observability/data-layer-state.ts';
export type { MeridianEvent, Observer, StateSource } from './observability/events.ts';
export type { Logger } from './observability/pino-observer.ts';
export type { CallBegun, StepFacts, StepName, Trace } from './observability/trace.ts';
export { placementChart } from './placement/placement-chart.ts';
export type {
  KeyspacePlacement,
  PlacementReport,
  PlacementSkew,
  ShardPlacement,
} from './placement/placement-report.ts';
export type { RefusedTopology, TopologyStatus } from './reconfiguration/topology-status.ts';
export type {
  AllOptions,
  ReferenceHandle,
  ReferenceWriteResult,
} from './reference/reference-types.ts';
export type { RelocateOptions, RelocationResult } from './relocation/relocate-owner.ts';
export type { SweptRelocations } from './relocation/relocation-sweeper.ts';
export type { Priority } from './resilience/admission/priority.ts';
export type { GuardState } from './resilience/breaker/breaker.ts';
export type { GuardSnapshot } from './resilience/guard.ts';
export type { GuardOptions } from './resilience/guard-options.ts';
export type { Guard, GuardRunOptions } from './resilience/guard-types.ts';
export type { Explanation } from './routing/explain.ts';
export type { ReferenceExplanation } from './routing/nearest-shards.ts';
export type { ListOptions, QueryOptions, ReaderOptions } from './rows/reads/query-options.ts';
export type { ReadOptions } from './rows/reads/read-path.ts';
export {
  type CachePolicy,
  defineTable,
  type LookupRule,
  type MemberDefinition,
  type MemberTable,
  type Table,
  type TableDefinition,
} from './rows/schema/define-table.ts';
export type { ReferenceDefinition, ReferenceTable } from './rows/schema/reference-table.ts';
export type {
  Key,
  LocatingKey,
  NewRow,
  Patch,
  QueryResult,
  QueryRow,
  Row,
  Tables,
  Touches,
} from './rows/schema/row-types.ts';
export type { WriteResult } from './rows/writes/effects.ts';
export type { InsertOptions } from './rows/writes/write-path.ts';
export type { EverywhereHandle, ScatterOptions } from './scatter/scatter-types.ts';
export { uuidFromBytes, uuidToBytes } from './sharding/ids/uuid.ts';
export type { IpLocator } from './sharding/places/locate-place.ts';
export type { IpLocation, Place } from './sharding/places/place.ts';
export type { Session } from './table/sessions.ts';
export type {
  ExecuteOptions,
  LookupHandle,
  LookupOf,
  MemberHandle,
  ShardHandle,
  TableHandle,
} from './table/table-types.ts';
export type { TransactionOptions } from './table/transactions/transaction-options.ts';
export type {
  LockOptions,
  Transaction,
  TransactionTable,
} from './table/transactions/transaction-types.ts';
export type { TlsOptions } from './tls/tls-options.ts';
export { fileTopology } from './topology/sources/file-topology.ts';
export { iterableTopology } from './topology/sources/iterable-topology.ts';
export type { TopologySource } from './topology/sources/topology-source.ts';
export type { EndpointHealth, Health, ShardHealth, ShardState } from './verification/health.ts';

/**
 * What the data layer itself is or will be asked for under these names, so no table may have one.
 * `then` would make it look like a promise. The members of every object are reserved as well.
 */
export const reservedNames = [
  'admin',
  'close',
  'directory',
  'explain',
  'guard',
  'health',
  'idempotency',
  'on',
  'off',
  'placement',
  'relocate',
  'relocations',
  'session',
  'tables',
  'then',
  'toJSON',
  'token',
  'topology',
] as const;

export type ReservedName = (typeof reservedNames)[number];

/** Names that a transaction's handle has for itself. */
export const reservedInTransactions = ['query', 'execute', 'savepoint'] as const;

/**
 * What the data layer itself is or will be asked for under these names, so no table may have one.
 * `then` would make it look like a promise.
 */
export const reservedNames = [
  'close',
  'constructor',
  'explain',
  'guard',
  'health',
  'hasOwnProperty',
  'on',
  'off',
  'placement',
  'relocate',
  'session',
  'then',
  'toJSON',
  'toString',
  'topology',
  'valueOf',
] as const;

export type ReservedName = (typeof reservedNames)[number];

/** Names that a transaction's handle has for itself. */
export const reservedInTransactions = ['query', 'execute'] as const;

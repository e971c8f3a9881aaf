/**
 * What a failure means for the work that failed.
 *
 * - `not-sent`: no byte of it was carried out: it never left, or the server says that it read none.
 * - `statement-rolled-back`: the statement was undone, its transaction is still open.
 * - `transaction-rolled-back`: the whole transaction was undone.
 * - `ambiguous`: it was sent and the answer was lost.
 * - `permanent`: the server understood it and refused it.
 * - `overload`: the server, or a limit before it, has no room.
 * - `topology`: this server may not do it (read-only, demoted), another one may.
 *
 * @see {@link classifyError}
 */
export type FailureKind =
  | 'not-sent'
  | 'statement-rolled-back'
  | 'transaction-rolled-back'
  | 'ambiguous'
  | 'permanent'
  | 'overload'
  | 'topology';

/**
 * What is to become of the connection that a failure came over.
 *
 * - `keep`: it is as it was.
 * - `roll-back`: as good as new after a ROLLBACK; a COMMIT would keep the half of the work.
 * - `close`: it is dead, or its state or its server is not to be trusted.
 *
 * @see {@link classifyError}
 */
export type ConnectionAfter = 'keep' | 'roll-back' | 'close';

/**
 * Whether Meridian itself runs the failed work again.
 *
 * - `after-pause`: the whole of it, after a backoff; a transaction from its start.
 * - `elsewhere`: at once, but only on another endpoint; this one needs time.
 * - `re-prepared`: the statement alone, once, prepared anew on the same connection.
 * - `never`: by itself not.
 *
 * @see {@link classifyError}
 */
export type Repeat = 'after-pause' | 'elsewhere' | 're-prepared' | 'never';

/** What one error number of MySQL and MariaDB says. */
export interface ServerCode {
  readonly kind: FailureKind;
  readonly connection: ConnectionAfter;
  readonly repeat: Repeat;
  /** Whether it says that the server is unwell, and not only this statement. */
  readonly serverFault: boolean;
  /** What it means as the answer to COMMIT. Where it is not given, nobody can say: `ambiguous`. */
  readonly atCommit?: FailureKind;
}

const refused: ServerCode = {
  kind: 'permanent',
  connection: 'keep',
  repeat: 'never',
  serverFault: false,
};
const full: ServerCode = {
  kind: 'overload',
  connection: 'close',
  repeat: 'elsewhere',
  serverFault: true,
};
const noRoom: ServerCode = { ...full, connection: 'roll-back', serverFault: false };
const unread: ServerCode = {
  kind: 'not-sent',
  connection: 'close',
  repeat: 'after-pause',
  serverFault: true,
  atCommit: 'not-sent',
};
const rolledBack: ServerCode = {
  kind: 'transaction-rolled-back',
  connection: 'roll-back',
  repeat: 'after-pause',
  serverFault: false,
  atCommit: 'transaction-rolled-back',
};
const branchRolledBack: ServerCode = { ...rolledBack, connection: 'close' };
// COMMIT takes a lock of its own; a server that does not get it rolls the transaction back.
const locked: ServerCode = { ...rolledBack, kind: 'statement-rolled-back' };
const cancelled: ServerCode = {
  kind: 'statement-rolled-back',
  connection: 'roll-back',
  repeat: 'never',
  serverFault: false,
};
const stale: ServerCode = { ...refused, repeat: 're-prepared' };
const notHere: ServerCode = {
  kind: 'topology',
  connection: 'close',
  repeat: 'after-pause',
  serverFault: true,
};
const demoted: ServerCode = { ...notHere, atCommit: 'topology' };
const lost: ServerCode = {
  kind: 'ambiguous',
  connection: 'close',
  repeat: 'never',
  serverFault: true,
};
const wrongBranch: ServerCode = { ...refused, connection: 'close' };

// Numbers and texts: the error references of MySQL 8.4 and MariaDB 10.11; those over 9000 are ProxySQL's own.
const codes = new Map<number, ServerCode>([
  [1040, full], // too many connections
  [1203, full], // too many connections of this user
  [1226, full], // a resource limit of this user
  [1135, full], // no thread for a connection
  [1041, full], // out of memory
  [1461, { ...full, serverFault: false }], // too many prepared statements: closing gives some back
  [1021, noRoom], // disk full
  [1037, noRoom], // no memory for this statement
  [1114, noRoom], // table full
  [1637, noRoom], // too many transactions at once
  [1129, unread], // host blocked
  [1130, { ...refused, connection: 'close' }], // host not allowed
  [4031, unread], // closed for idleness, before the statement was read
  [1156, unread], // packets out of order
  [1157, unread], // packet that could not be unpacked
  [1153, { ...refused, connection: 'close' }], // packet too large: the server hangs up after it
  [1213, rolledBack], // deadlock
  [1206, rolledBack], // lock table full
  [1020, rolledBack], // record changed since last read
  [3101, rolledBack], // rolled back during commit
  [1402, branchRolledBack], // XA_RBROLLBACK
  [1613, branchRolledBack], // XA_RBTIMEOUT
  [1614, branchRolledBack], // XA_RBDEADLOCK
  [1205, locked], // lock wait timeout; MariaDB's NOWAIT
  [3572, locked], // MySQL's NOWAIT
  [1317, cancelled], // KILL QUERY
  [3024, cancelled], // MySQL's statement time limit
  [1969, cancelled], // MariaDB's statement time limit
  [1243, stale], // unknown prepared statement
  [1615, stale], // prepared statement needs to be re-prepared
  // MariaDB says "no such table" of tables that are there to what was prepared before triggers were.
  [1146, stale],
  [1290, demoted], // --read-only; see `serverCode` for other options
  [1836, demoted], // read-only mode
  [1792, demoted], // transactions are read-only on this server
  [1047, notHere], // Galera node not ready
  [1053, lost], // shutdown in progress
  [1152, lost], // aborted connection
  [1158, lost], // network read error
  [1159, lost], // network read timeout
  [1160, lost], // network write error
  [1161, lost], // network write timeout
  [1180, lost], // error during commit
  [1184, lost], // aborted connection
  [1927, lost], // connection killed
  [1401, lost], // XAER_RMERR
  [1397, wrongBranch], // XAER_NOTA
  [1398, wrongBranch], // XAER_INVAL
  [1399, wrongBranch], // XAER_RMFAIL
  [1400, wrongBranch], // XAER_OUTSIDE
  [1440, wrongBranch], // XAER_DUPID
  [9001, unread], // ProxySQL: no connection to a server of the hostgroup in time
  [9002, unread], // ProxySQL: none after all its tries
]);

/** The number with which every server refuses what one of its options forbids. */
const optionPrevents = 1290;
const readOnlyOption = /--(?:super-)?read-only\b/;
/** MySQL's 4031 is another error on MariaDB. */
const idleTimeout = 4031;

/**
 * What a server's error number says; `message` decides where one number stands for several things.
 * A number that is not known is a refusal of the statement.
 */
export function serverCode(errno: number, message = ''): ServerCode {
  if (errno === optionPrevents && !readOnlyOption.test(message)) return refused;
  if (errno === idleTimeout && !/inactivity/.test(message)) return refused;
  return codes.get(errno) ?? refused;
}

/** What a failure without a number says: the connection was lost, or never was. */
export const lostConnection: ServerCode = lost;

/** What the driver's failure to read an answer says: the server is well, and did what it was asked. */
export const unreadableAnswer: ServerCode = { ...lost, serverFault: false };
/** The `code` of such a failure. */
export const unreadableCode = 'UNREADABLE_ANSWER';

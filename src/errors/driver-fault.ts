/**
 * How far a command had come when it failed.
 *
 * - `connecting`, `queued`: no byte of it was sent.
 * - `sent`: it was sent and may have been carried out.
 * - `committing`: it was the COMMIT of a transaction.
 *
 * @see {@link classifyError}
 */
export type Phase = 'connecting' | 'queued' | 'sent' | 'committing';

export interface DriverFaultFields {
  readonly phase: Phase;
  /** The driver's or system's symbol: `ER_DUP_ENTRY`, `ECONNREFUSED`. */
  readonly code?: string | undefined;
  /** The server's error number: 1062. */
  readonly errno?: number | undefined;
  readonly sqlState?: string | undefined;
  /** The server's connection id, to find the call in its logs. */
  readonly threadId?: number | undefined;
  /** The unique key named by a duplicate-key error. */
  readonly key?: string | undefined;
  /** The column whose value the server refused. */
  readonly column?: string | undefined;
}

/**
 * What a driver reported, freed of everything that may hold row data or credentials. It is the
 * `cause` of the Meridian error that the caller sees; what it means is decided by `classifyError`.
 */
export class DriverFault extends Error implements DriverFaultFields {
  readonly phase: Phase;
  readonly code: string | undefined;
  readonly errno: number | undefined;
  readonly sqlState: string | undefined;
  readonly threadId: number | undefined;
  readonly key: string | undefined;
  readonly column: string | undefined;

  constructor(message: string, fields: DriverFaultFields) {
    super(message);
    this.name = 'DriverFault';
    this.phase = fields.phase;
    this.code = fields.code;
    this.errno = fields.errno;
    this.sqlState = fields.sqlState;
    this.threadId = fields.threadId;
    this.key = fields.key;
    this.column = fields.column;
  }
}

/** What a driver reported, if an error tells of that. */
export function faultBehind(error: unknown): DriverFault | undefined {
  return error instanceof Error && error.cause instanceof DriverFault ? error.cause : undefined;
}

/**
 * Wrong password, no right to the database, no such database, a way to prove a password that this server
 * or driver does not know, an account that is locked, for good or for a while, or whose password has expired.
 */
const lockedOut = new Set([1044, 1045, 1049, 1251, 1698, 1820, 1862, 3118, 3955, 4151]);

/** Whether a server answers, and does not let this user in. */
export function isLockedOut(error: unknown): boolean {
  return (
    error instanceof DriverFault &&
    error.phase === 'connecting' &&
    error.errno !== undefined &&
    lockedOut.has(error.errno)
  );
}

/** The SQLSTATE with which a shard refuses a row whose owner has left it: Meridian's own triggers. */
export const ownerMovedState = '45MRD';

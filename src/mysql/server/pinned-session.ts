import { DriverFault } from '../../errors/driver-fault.ts';
import type { Ask, RawRow } from '../sql/sql.ts';

/** ProxySQL answers it itself, as JSON; a server knows no such statement. */
const sessionInfo = 'PROXYSQL INTERNAL SESSION';

/** ER_PARSE_ERROR. */
const noSuchStatement = 1064;

/**
 * Asks a ProxySQL how it will treat a session that was set up. It keeps one connection of one server for the session
 * and nobody else once it has seen a SET that it can't track and a variable, as the setup holds both; and it refuses
 * statements that its rules would send to another hostgroup, unless that is turned off.
 *
 * @throws {DriverFault} when statements could go to several connections: state, transactions and reads of own writes
 * would be torn apart.
 */
export async function assertPinned(ask: Ask): Promise<void> {
  const [row] = await ask(sessionInfo).catch((error: unknown) => {
    if (!(error instanceof DriverFault) || error.errno !== noSuchStatement) throw error;
    throw unpinned(
      'no ProxySQL answers; leave via=proxysql out, or set fast_forward=0 for its user',
    );
  });
  const reason = whyUnpinned(row);
  if (reason !== undefined) throw unpinned(reason);
}

/** Undefined: every statement of the session goes to one connection of one server. */
export function whyUnpinned(row: RawRow | undefined): string | undefined {
  const session = sessionOf(row);
  if (session === undefined)
    return 'it tells nothing of the session; Meridian knows ProxySQL from 2.0.6 on';
  if (!(Number(session.locked_on_hostgroup) >= 0)) {
    return 'it does not hold the session to one hostgroup; SET mysql-set_query_lock_on_hostgroup=1, and let no rule for the user say multiplex';
  }
  const used = listOf(session.backends).flatMap((backend) =>
    isObject(backend) && isObject(backend.conn) ? [backend.conn] : [],
  );
  const [conn, ...more] = used;
  if (conn === undefined || more.length > 0) {
    return `it leads the session to ${used.length} servers; let no rule split it`;
  }
  const status = isObject(conn.status) ? conn.status : {};
  if (status.user_variable === true || status.no_multiplex === true) return undefined;
  return 'it may give the connection of its server to others; let no rule for the user say multiplex=1 or 2';
}

function sessionOf(row: RawRow | undefined): Record<string, unknown> | undefined {
  try {
    const session: unknown = JSON.parse(String(row?.session_info));
    return isObject(session) ? session : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function unpinned(reason: string): DriverFault {
  return new DriverFault(`ProxySQL would not keep the session whole: ${reason}`, {
    phase: 'connecting',
  });
}

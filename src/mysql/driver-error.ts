import { DriverFault, type Phase } from '../errors/driver-fault.ts';

/** Server errors whose message names only identifiers, so that it may be shown. */
const harmlessMessages = new Set([
  1044, 1045, 1046, 1048, 1049, 1051, 1052, 1054, 1060, 1091, 1109, 1136, 1142, 1143, 1146, 1213,
  1205, 1227, 1264, 1290, 1305, 1364, 1406, 1451, 1452, 1665, 1792, 1836, 3819, 4025,
]);

const lineOfSyntaxError = / at line (\d+)$/;
const duplicateKey = / for key '(?:[^'.]*\.)?([^']*)'$/;

/** Translates an error of mysql2, or of the socket below it. `phase` is how far the command came. */
export function driverFault(error: unknown, phase: Phase, threadId?: number | null): DriverFault {
  if (error instanceof DriverFault) return error;
  const number = property(error, 'errno');
  const errno = typeof number === 'number' ? number : undefined;
  const code = text(error, 'code');
  const message = text(error, 'message') ?? 'unknown driver error';
  return new DriverFault(safeMessage(message, errno, code), {
    phase: neverSent(message, code, errno) ? 'queued' : phase,
    code,
    errno: errno !== undefined && errno > 0 ? errno : undefined,
    sqlState: text(error, 'sqlState'),
    threadId: threadId ?? undefined,
    key: errno === 1062 ? duplicateKey.exec(message)?.[1] : undefined,
  });
}

/** mysql2 reports these without a code, and only before it writes to the socket. */
function neverSent(message: string, code: string | undefined, errno: number | undefined): boolean {
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') return true;
  if (errno === 1040 || errno === 1203 || errno === 1129) return true;
  return (
    message === 'Pool is closed.' ||
    message === 'No connections available.' ||
    message === 'Queue limit reached.' ||
    message.startsWith("Can't add new command when connection is in closed state")
  );
}

function safeMessage(message: string, errno: number | undefined, code: string | undefined): string {
  const label = code ?? (errno === undefined ? undefined : `error ${errno}`);
  // Errors of the socket and of the driver itself carry an address, never data.
  if (errno === undefined || errno <= 0) return message;
  if (harmlessMessages.has(errno)) return `${message} (${label})`;
  if (errno === 1062) return `duplicate value for key '${duplicateKey.exec(message)?.[1] ?? '?'}'`;
  if (errno === 1064) {
    const line = lineOfSyntaxError.exec(message)?.[1];
    return `syntax error${line === undefined ? '' : ` at line ${line}`} (${label})`;
  }
  return `the server answered ${label}${label === `error ${errno}` ? '' : ` (${errno})`}`;
}

function text(error: unknown, name: string): string | undefined {
  const value = property(error, name);
  return typeof value === 'string' ? value : undefined;
}

function property(error: unknown, name: string): unknown {
  return typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
}

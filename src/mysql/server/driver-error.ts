import { DriverFault, type Phase } from '../../errors/driver-fault.ts';

/** Server errors whose message names only identifiers, so that it may be shown. */
const harmlessMessages = new Set([
  1020, 1021, 1040, 1043, 1044, 1045, 1046, 1047, 1048, 1049, 1051, 1052, 1053, 1054, 1060, 1091,
  1109, 1114, 1129, 1130, 1136, 1142, 1143, 1146, 1153, 1203, 1205, 1213, 1226, 1227, 1264, 1290,
  1305, 1317, 1364, 1397, 1399, 1402, 1406, 1451, 1452, 1461, 1665, 1792, 1836, 1927, 1969, 3024,
  3572, 3819, 4025, 4031,
]);

const manualAdvice = /^You have an error in your SQL syntax; .* syntax to use/;
const lineOfSyntaxError = / at line (\d+)$/;
const duplicateKey = / for key '(?:[^'.]*\.)?([^']*)'$/;

const refusedColumn = / for column (?:`[^`]*`\.`[^`]*`\.)?[`']([^`']*)[`'] at row \d+$/;

/** Where an error comes from, and how much of it may be told. */
interface Origin {
  readonly threadId?: number | undefined;
  /** Whether the server's own text may be told, which quotes statements and values. */
  readonly debug?: boolean | undefined;
}

/** Translates an error of mysql2, or of the socket below it. `phase` is how far the command came. */
export function driverFault(
  error: unknown,
  phase: Phase,
  { threadId, debug = false }: Origin = {},
): DriverFault {
  if (error instanceof DriverFault) return error;
  const number = property(error, 'errno');
  const errno = typeof number === 'number' ? number : undefined;
  const code = text(error, 'code');
  const message = text(error, 'message') ?? 'unknown driver error';
  const told = debug ? wholeMessage(message, errno, code) : safeMessage(message, errno, code);
  return new DriverFault(told, {
    phase: neverSent(message, code, errno) ? 'queued' : phase,
    code,
    errno: errno !== undefined && errno > 0 ? errno : undefined,
    sqlState: text(error, 'sqlState'),
    threadId,
    key: errno === 1062 ? duplicateKey.exec(message)?.[1] : undefined,
    column: errno === undefined ? undefined : refusedColumn.exec(message)?.[1],
  });
}

/** What is reported only before anything is written to the socket, most of it without a code. */
function neverSent(message: string, code: string | undefined, errno: number | undefined): boolean {
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') return true;
  if (errno === 1040 || errno === 1203 || errno === 1129) return true;
  return (
    code === 'ERR_STREAM_DESTROYED' ||
    message === 'This socket has been ended by the other party' ||
    message.startsWith("Can't add new command when connection is in closed state")
  );
}

/** As the server said it, but for its advice on manuals. */
function wholeMessage(
  message: string,
  errno: number | undefined,
  code: string | undefined,
): string {
  if (errno === undefined || errno <= 0) return message;
  const text = errno === 1064 ? message.replace(manualAdvice, 'syntax error') : message;
  return `${text} (${code ?? `error ${errno}`})`;
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

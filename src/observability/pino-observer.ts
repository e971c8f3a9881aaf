import { type DestinationStream, pino } from 'pino';
import type { MeridianEvent, Observer } from './events.ts';

/**
 * What is needed of a logger; pino's has this shape.
 *
 * @example
 * const logger: Logger = console; // or pino()
 * await createDataLayer({ ...options, logger });
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Path names that hold secrets, wherever they turn up in what is logged. */
const secrets = ['password', 'url', 'params', '*.password', '*.url', '*.params'];

/** The logger used when the options name none: warnings and worse, to standard error. */
export function defaultLogger(destination: DestinationStream = pino.destination(2)): Logger {
  return pino(
    { name: 'meridian', level: 'warn', redact: { paths: secrets, censor: '[redacted]' } },
    destination,
  );
}

/** One of these takes less time than a log call: they are for metrics, not for logs. */
const tooMany = [
  'call',
  'statement',
  'acquire',
  'cache',
  'cache-read',
  'cache-load',
  'cache-shadow',
  'read-batch',
  'hedge',
  'retry-denied',
] as const satisfies readonly MeridianEvent['type'][];

const notLogged: ReadonlySet<MeridianEvent['type']> = new Set(tooMany);

const levels: Record<
  Exclude<MeridianEvent['type'], (typeof tooMany)[number]>,
  'debug' | 'info' | 'warn'
> = {
  started: 'info',
  closed: 'info',
  topology: 'info',
  'topology-refused': 'warn',
  'topology-source': 'warn',
  'identity-recorded': 'info',
  'unique-per-shard': 'warn',
  'definitions-unseen': 'warn',
  'endpoint-verified': 'info',
  relocation: 'info',
  'relocations-resolved': 'warn',
  breaker: 'warn',
  'endpoint-fault': 'warn',
  'cache-fault': 'warn',
  'cache-invalidation': 'warn',
  residency: 'warn',
  'directory-fault': 'warn',
  'idempotency-fault': 'warn',
  'relocation-fault': 'warn',
  'directory-resolved': 'info',
  retry: 'debug',
  ejected: 'warn',
  scatter: 'debug',
  'cache-link': 'warn',
  'cache-gap': 'info',
  'cache-hot': 'info',
  'cache-wait': 'debug',
};

/** Every type of event. */
export const eventTypes: readonly string[] = [...tooMany, ...Object.keys(levels)];

const quietMs = 1_000;

/**
 * Writes events to a logger. Credentials in a message, such as those of a driver's URL, are struck
 * out. The same warning comes at most once a second, with the number of those left out: a dependency
 * that is down must not drown the log. Only the audit trail is written event by event.
 */
export function pinoObserver(logger: Logger): Observer {
  const warned = new Map<string, { untilMs: number; suppressed: number }>();
  const observe = (event: MeridianEvent) => {
    if (!isLogged(event)) return;
    const { type, ...fields } = event;
    const level = isGoodNews(event) ? 'info' : levels[type];
    if ('message' in fields) fields.message = strikeOut(fields.message);
    if (level !== 'warn' || type === 'residency') return logger[level](fields, `meridian: ${type}`);
    const key = JSON.stringify([type, fields]);
    const now = performance.now();
    const last = warned.get(key);
    if (last !== undefined && now < last.untilMs) {
      last.suppressed++;
      return;
    }
    if (warned.size > 1_000) warned.clear();
    warned.set(key, { untilMs: now + quietMs, suppressed: 0 });
    const suppressed = last?.suppressed ?? 0;
    logger.warn(suppressed === 0 ? fields : { ...fields, suppressed }, `meridian: ${type}`);
  };
  return Object.assign(observe, { wants: (type: MeridianEvent['type']) => !notLogged.has(type) });
}

function isLogged(
  event: MeridianEvent,
): event is Extract<MeridianEvent, { type: keyof typeof levels }> {
  return !notLogged.has(event.type);
}

/** What is back, or there for the first time, needs nobody's attention. */
function isGoodNews(event: MeridianEvent): boolean {
  return (
    (event.type === 'cache-link' && event.state === 'up') ||
    (event.type === 'topology-source' && event.state === 'up') ||
    (event.type === 'breaker' && event.state === 'closed')
  );
}

function strikeOut(message: string): string {
  return message.replace(/:\/\/[^@\s/]*@/g, '://[redacted]@');
}

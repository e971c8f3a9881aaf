import { type DestinationStream, pino } from 'pino';
import type { MeridianEvent, Observer } from './events.ts';

/** What is needed of a logger; pino's has this shape. */
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

const levels: Record<MeridianEvent['type'], 'debug' | 'info' | 'warn'> = {
  started: 'info',
  closed: 'info',
  'identity-recorded': 'info',
  breaker: 'warn',
  'endpoint-fault': 'warn',
  'cache-fault': 'warn',
  'cache-invalidation': 'warn',
  retry: 'debug',
  scatter: 'debug',
  'read-batch': 'debug',
  cache: 'debug',
};

/** Writes events to a logger. Credentials in a message, such as a driver's URL, are struck out. */
export function pinoObserver(logger: Logger): Observer {
  return (event) => {
    // A memory hit takes less time than a log call; hits are for metrics, not for logs.
    if (event.type === 'cache' || event.type === 'read-batch') return;
    const { type, ...fields } = event;
    if ('message' in fields)
      fields.message = fields.message.replace(/:\/\/[^@\s/]*@/g, '://[redacted]@');
    logger[levels[type]](fields, `meridian: ${type}`);
  };
}

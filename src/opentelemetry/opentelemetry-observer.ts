import { SpanKind, type Tracer, trace } from '@opentelemetry/api';
import { didYouMean } from '../config/did-you-mean.ts';
import { ConfigError } from '../errors/config-error.ts';
import type { Observer } from '../observability/events.ts';
import type { CallBegun } from '../observability/trace.ts';
import { SpanTrace } from './span-trace.ts';

/**
 * Whose spans calls become.
 *
 * @example
 * import { trace } from '@opentelemetry/api';
 * openTelemetryObserver({ tracer: trace.getTracer('checkout') });
 */
export interface OpenTelemetryOptions {
  /** What makes the spans. Default: that of the global provider, by the name `meridian`. */
  readonly tracer?: Tracer;
}

/**
 * An observer that follows each call of a data layer in a span, with a span for each of its steps.
 * `docs/guides/observability.md` lists them. A read that memory answers has none: it is over in a fraction of the
 * time that a span takes.
 *
 * @throws {ConfigError} when an option is not known.
 *
 * @example
 * await createDataLayer({ ...options, observers: [openTelemetryObserver()] });
 */
export function openTelemetryObserver(options: OpenTelemetryOptions = {}): Observer {
  const unknown = Object.keys(options).find((name) => name !== 'tracer');
  if (unknown !== undefined) {
    throw new ConfigError('Bad options of openTelemetryObserver', [
      { path: unknown, message: `unknown option${didYouMean(unknown, ['tracer'])}` },
    ]);
  }
  const tracer = options.tracer ?? trace.getTracer('meridian');
  const follow = ({ operation, table }: CallBegun) => {
    const span = tracer.startSpan(table === undefined ? operation : `${operation} ${table}`, {
      kind: SpanKind.INTERNAL,
      attributes: {
        'db.system.name': 'mysql',
        'db.operation.name': operation,
        ...(table !== undefined && { 'db.collection.name': table }),
      },
    });
    // What is not sampled costs no more than this.
    return span.isRecording() ? SpanTrace.ofCall(tracer, span) : undefined;
  };
  return Object.assign(() => {}, { wants: () => false, trace: follow });
}

import {
  type Attributes,
  context,
  createContextKey,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { CallEvent } from '../observability/call-event.ts';
import type { StepFacts, StepName, Trace } from '../observability/trace.ts';

/** The step in which the caller runs. */
const currentStep = createContextKey('meridian step');

/** A span, which is that of a call or lies below it. It is the active one only of what {@link run} runs. */
export class SpanTrace implements Trace {
  readonly #tracer: Tracer;
  readonly #span: Span;
  readonly #call: SpanTrace;

  private constructor(tracer: Tracer, span: Span, call: SpanTrace | undefined) {
    this.#tracer = tracer;
    this.#span = span;
    this.#call = call ?? this;
  }

  static ofCall(tracer: Tracer, span: Span): SpanTrace {
    return new SpanTrace(tracer, span, undefined);
  }

  step(name: StepName, facts: StepFacts, startedAt?: number): SpanTrace {
    const current = context.active().getValue(currentStep);
    // Steps of other calls run around this one where calls share a batch.
    const above = current instanceof SpanTrace && current.#call === this.#call ? current : this;
    const span = this.#tracer.startSpan(
      name === 'statement' ? String(facts.operation) : name,
      {
        kind: SpanKind.INTERNAL,
        attributes: attributesOf(name, facts),
        ...(startedAt !== undefined && { startTime: startedAt }),
      },
      trace.setSpan(context.active(), above.#span),
    );
    return new SpanTrace(this.#tracer, span, this.#call);
  }

  run<T>(work: () => T): T {
    const inner = trace.setSpan(context.active(), this.#span).setValue(currentStep, this);
    return context.with(inner, work);
  }

  link(shared: Trace): void {
    if (shared instanceof SpanTrace) this.#span.addLink({ context: shared.#span.spanContext() });
  }

  end({ failed, code }: Parameters<Trace['end']>[0]): void {
    if (failed) this.#fail(code);
    this.#span.end();
  }

  endCall({ shards, attempts, retries, outcome, code }: CallEvent): void {
    this.#span.setAttributes({
      'meridian.shards': [...shards],
      'meridian.attempts': attempts,
      'meridian.retries': retries,
      'meridian.outcome': outcome,
    });
    if (outcome !== 'done') this.#fail(code);
    this.#span.end();
  }

  #fail(code: string | undefined): void {
    this.#span.setAttribute('error.type', code ?? '_OTHER');
    this.#span.setStatus({ code: SpanStatusCode.ERROR });
  }
}

function attributesOf(name: StepName, facts: StepFacts): Attributes {
  if (name === 'statement') {
    return { 'db.system.name': 'mysql', 'db.operation.name': String(facts.operation) };
  }
  return Object.fromEntries(Object.entries(facts).map(([fact, is]) => [`meridian.${fact}`, is]));
}

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { isMeridianError, type MeridianError, type Outcome } from 'meridian';
import { z } from 'zod';

/** What a client is told when something did not work: RFC 9457. */
export class Problem extends Error {
  readonly status: number;
  readonly type: string;
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    type: string,
    title: string,
    extra: Record<string, unknown> = {},
    cause?: unknown,
  ) {
    super(title, { cause });
    this.status = status;
    this.type = type;
    this.extra = extra;
  }
}

export const notFound = (what: string) => new Problem(404, 'not-found', `There is no such ${what}`);

export const keyReused = () =>
  new Problem(422, 'key-reused', 'The idempotency key was used for something else');

/** It may work later; `outcome` tells whether it was done nevertheless. */
export const unavailable = (outcome: Outcome, cause?: unknown) =>
  new Problem(503, 'unavailable', 'This is not available at the moment', { outcome }, cause);

/** The answer to every error; those that nobody foresaw are logged, and tell the client nothing. */
export function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
  const problem = problemOf(error);
  if (problem.status >= 500) request.log.error(factsOf(error), problem.message);
  if (problem.status === 503) reply.header('retry-after', '1');
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
  return sendProblem(reply, problem);
}

export function sendProblem(reply: FastifyReply, { status, type, message, extra }: Problem) {
  return reply
    .code(status)
    .header('content-type', 'application/problem+json')
    .send(
      JSON.stringify({
        type: `urn:shop:problem:${type}`,
        title: message,
        status,
        instance: `urn:shop:request:${reply.request.id}`,
        ...extra,
      }),
    );
}

function problemOf(error: FastifyError): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof z.ZodError) {
    const errors = error.issues.map(({ path, message }) => ({
      field: [error.validationContext, ...path].join('.'),
      detail: message,
    }));
    return new Problem(400, 'invalid', 'The request is not valid', { errors });
  }
  if (isMeridianError(error)) return problemOfData(error);
  const { statusCode = 500 } = error;
  return statusCode >= 400 && statusCode < 500
    ? new Problem(statusCode, 'bad-request', error.message)
    : new Problem(500, 'internal', 'Something went wrong');
}

function problemOfData({ code, outcome, retryable, context }: MeridianError): Problem {
  switch (code) {
    case 'MERIDIAN_ROW_INVALID':
      return new Problem(400, 'invalid', 'The request is not valid', { fields: context.columns });
    case 'MERIDIAN_DUPLICATE_KEY':
      return new Problem(409, 'taken', 'Somebody else has this', { field: context.lookup });
    case 'MERIDIAN_IDEMPOTENCY_CONFLICT':
      return keyReused();
    case 'MERIDIAN_RELOCATION':
      return new Problem(409, 'not-moved', 'The user was not moved', { reason: context.reason });
    case 'MERIDIAN_ROUTING':
      return notFound('thing');
    default:
      return retryable || outcome === 'unknown'
        ? unavailable(outcome)
        : new Problem(500, 'internal', 'Something went wrong');
  }
}

/** No parameters, no bodies: Meridian's errors hold none, of others only name, code and stack are told. */
export function factsOf(error: unknown): object {
  if (isMeridianError(error)) return { failure: error };
  if (!(error instanceof Error)) return { failure: typeof error };
  const { name, stack, cause } = error;
  const at = stack
    ?.split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, 5);
  return {
    failure: { name, at, code: Reflect.get(error, 'code') },
    cause: cause && factsOf(cause),
  };
}

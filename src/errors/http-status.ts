import { isMeridianError, type MeridianError } from './meridian-error.ts';

/**
 * How an error is answered over HTTP.
 *
 * @see {@link httpStatusOf}
 */
export interface HttpStatus {
  /** The status code: 400, 403, 404, 409, 422, 429, 500, 503 or 504. */
  readonly status: number;
  /**
   * The value of the header `Retry-After`, in whole seconds, at least 1: where the same request may be
   * sent again and that can't apply anything twice. Else undefined.
   */
  readonly retryAfter: number | undefined;
}

/** By code; what is not here is a mistake of the service's own, 500. `docs/errors.md` has it as a table. */
const statuses: Readonly<Record<string, number>> = {
  MERIDIAN_ROUTING: 400,
  MERIDIAN_ROW_INVALID: 400,
  MERIDIAN_RESIDENCY: 403,
  MERIDIAN_DUPLICATE_KEY: 409,
  MERIDIAN_RELOCATION: 409,
  MERIDIAN_IDEMPOTENCY_CONFLICT: 409,
  // The instance is well and others may be served: whoever asks too much should slow down.
  MERIDIAN_OVERLOAD: 429,
  MERIDIAN_ABORTED: 503,
  MERIDIAN_CIRCUIT_OPEN: 503,
  MERIDIAN_CLOSED: 503,
  MERIDIAN_ROLLED_BACK: 503,
  MERIDIAN_UNAVAILABLE: 503,
  MERIDIAN_TIMEOUT: 504,
  MERIDIAN_UNKNOWN_OUTCOME: 504,
};

/** What the `reason` of an error says more closely than its code. */
const reasons: Readonly<Record<string, number>> = {
  'unknown-owner': 404,
  // As the IETF draft on the header Idempotency-Key has it.
  'other-payload': 422,
  busy: 503,
  unverified: 503,
  unfit: 500,
};

const mayBeRetried = new Set([429, 503]);

/**
 * The HTTP status with which a service answers an error of Meridian; undefined for any other value, which
 * is the framework's to answer. An outcome that is unknown is 504 without `Retry-After`, so that nothing on
 * the way sends the request again.
 *
 * @example
 * const http = httpStatusOf(error);
 * if (http === undefined) throw error;
 * if (http.retryAfter !== undefined) response.setHeader('retry-after', http.retryAfter);
 * response.writeHead(http.status).end();
 */
export function httpStatusOf(error: unknown): HttpStatus | undefined {
  if (!isMeridianError(error)) return undefined;
  const status = statusOf(error);
  return { status, retryAfter: mayBeRetried.has(status) ? secondsOf(error) : undefined };
}

function statusOf(error: MeridianError): number {
  if (error.outcome === 'unknown') return 504;
  const reason: unknown = Reflect.get(error, 'reason');
  const byReason = typeof reason === 'string' ? reasons[reason] : undefined;
  const status = byReason ?? statuses[error.code];
  // Nothing of the request is wrong, and it may be sent again: a reference table that reached some shards.
  return status ?? (error.retryable ? 503 : 500);
}

/** An instance that closes is replaced by another one: to send the request again is right there too. */
function secondsOf(error: MeridianError): number | undefined {
  if (!error.retryable && error.code !== 'MERIDIAN_CLOSED') return undefined;
  const waitMs: unknown = Reflect.get(error, 'retryAfterMs');
  return typeof waitMs === 'number' ? Math.max(1, Math.ceil(waitMs / 1_000)) : 1;
}

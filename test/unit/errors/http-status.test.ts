import {
  AbortedError,
  CircuitOpenError,
  ClosedError,
  ConfigError,
  DuplicateKeyError,
  httpStatusOf,
  IdempotencyConflictError,
  LoaderError,
  OverloadError,
  PartialWriteError,
  RelocationError,
  RolledBackError,
  RoutingError,
  RowError,
  StatementError,
  TimeoutError,
  UnavailableError,
  UnknownOutcomeError,
} from 'meridian';
import { describe, expect, it } from 'vitest';

const refused = {
  shard: 'a',
  rows: 0,
  outcome: 'not-applied',
  error: new UnavailableError('no'),
} as const;
const stored = { shard: 'b', rows: 1, outcome: 'applied' } as const;

describe('httpStatusOf', () => {
  it.each<[error: Error, status: number, retryAfter?: number]>([
    [new RoutingError('no'), 400],
    [new RowError('users', []), 400],
    [new RelocationError('unknown-owner', 'no'), 404],
    [new RelocationError('same-region', 'no'), 409],
    [new RelocationError('busy', 'no'), 503, 1],
    [new RelocationError('unfit', 'no'), 500],
    [new DuplicateKeyError('no'), 409],
    [new IdempotencyConflictError('row-gone'), 409],
    [new IdempotencyConflictError('other-payload'), 422],
    [new OverloadError('no'), 429, 1],
    [new OverloadError('no', { outcome: 'unknown', retryable: false }), 504],
    [new CircuitOpenError('no'), 503, 1],
    [new CircuitOpenError('no', { retryAfterMs: 4_200 }), 503, 5],
    [new UnavailableError('no'), 503, 1],
    [new RolledBackError('no'), 503, 1],
    [new RolledBackError('cancelled', { retryable: false }), 503],
    [new ClosedError('no'), 503, 1],
    [new AbortedError('no'), 503],
    [new AbortedError('no', { outcome: 'unknown' }), 504],
    [new TimeoutError('no'), 504],
    [new TimeoutError('no', { outcome: 'unknown' }), 504],
    [new UnknownOutcomeError('no'), 504],
    [new ConfigError('no', []), 500],
    [new StatementError('no'), 500],
    [new LoaderError('no'), 500],
    [new PartialWriteError('codes', [stored, refused], true), 503, 1],
    [new PartialWriteError('users', [stored, refused]), 500],
  ])('$code is %i', (error, status, retryAfter) => {
    expect(httpStatusOf(error)).toEqual({ status, retryAfter });
  });

  it('leaves what is not an error of Meridian to the framework', () => {
    for (const other of [new TypeError('no'), undefined, null, 'MERIDIAN_TIMEOUT', { code: 1 }]) {
      expect(httpStatusOf(other)).toBeUndefined();
    }
  });
});

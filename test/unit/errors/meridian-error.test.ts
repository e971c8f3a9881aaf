import * as meridian from 'meridian';
import { describe, expect, it } from 'vitest';

const { isMeridianError, UnavailableError, UnknownOutcomeError } = meridian;

describe('a Meridian error', () => {
  it('is known to another copy of the package by its brand', () => {
    const foreign = Object.assign(new Error('x'), { [Symbol.for('meridian.error')]: true });
    expect(isMeridianError(foreign)).toBe(true);
    expect(isMeridianError(new UnavailableError('x'))).toBe(true);
    for (const other of [new Error('x'), null, undefined, 'x', {}]) {
      expect(isMeridianError(other)).toBe(false);
    }
  });

  it('tells JSON what happened, but neither cause nor stack', () => {
    const error = new UnavailableError('gone', {
      cause: new Error('secret'),
      context: { shard: 'eu-1' },
    });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'UnavailableError',
      code: 'MERIDIAN_UNAVAILABLE',
      message: 'gone',
      retryable: true,
      outcome: 'not-applied',
      context: { shard: 'eu-1' },
    });
  });

  it('can not claim that an unknown outcome is known, or may be retried', () => {
    const error = new UnknownOutcomeError('x', { outcome: 'not-applied' });
    expect(error).toMatchObject({ outcome: 'unknown', retryable: false });
    expect(new meridian.TimeoutError('x', { outcome: 'unknown' }).retryable).toBe(false);
    expect(new meridian.TimeoutError('x').retryable).toBe(true);
  });

  it.each([
    [new meridian.AbortedError('x')],
    [new meridian.CircuitOpenError('x')],
    [new meridian.ClosedError('x')],
    [new meridian.ConfigError('x', [])],
    [new meridian.DuplicateKeyError('x')],
    [new meridian.MergeError('x')],
    [new meridian.OverloadError('x')],
    [new meridian.PartialWriteError('x', [])],
    [new meridian.RelocationError('busy', 'x')],
    [new meridian.RolledBackError('x')],
    [new meridian.RoutingError('x')],
    [new meridian.RowError('x', [])],
    [new meridian.RowUnreadableError('x', 'x', 'x')],
    [new meridian.StatementError('x')],
    [new meridian.TimeoutError('x')],
    [new meridian.UnavailableError('x')],
    [new meridian.UnknownOutcomeError('x')],
  ])('is called as its class is, also where a bundler shortens that: %s', (error) => {
    expect(error.name).toBe(error.constructor.name);
  });

  it('has the name of its class, and is an Error', () => {
    const error = new meridian.ClosedError('x');
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(meridian.MeridianError);
    expect(error.name).toBe('ClosedError');
    expect(String(error)).toBe('ClosedError: x');
  });
});

import { StatementError, TimeoutError, UnavailableError, UnknownOutcomeError } from 'meridian';
import { classifyError } from 'meridian/resilience';
import { describe, expect, it } from 'vitest';

type Row = [what: string, error: object, kind: string, retryable: boolean, outcome: string];

const lost = { code: 'PROTOCOL_CONNECTION_LOST' };
const table: Row[] = [
  [
    'a refused connection',
    { code: 'ECONNREFUSED', phase: 'connecting' },
    'not-sent',
    true,
    'not-applied',
  ],
  ['a connection lost in the queue', { ...lost, phase: 'queued' }, 'not-sent', true, 'not-applied'],
  ['too many connections', { errno: 1040, phase: 'connecting' }, 'overload', true, 'not-applied'],
  ['a wrong password', { errno: 1045, phase: 'connecting' }, 'permanent', false, 'not-applied'],
  ['a deadlock', { errno: 1213 }, 'transaction-rolled-back', true, 'not-applied'],
  ['a changed record', { errno: 1020 }, 'transaction-rolled-back', true, 'not-applied'],
  [
    'a lock wait that took too long',
    { errno: 1205 },
    'statement-rolled-back',
    false,
    'not-applied',
  ],
  ['an interrupted statement', { errno: 1317 }, 'statement-rolled-back', false, 'not-applied'],
  ["MariaDB's time limit", { errno: 1969 }, 'statement-rolled-back', false, 'not-applied'],
  ['a server that became read-only', { errno: 1290 }, 'topology', true, 'not-applied'],
  ['a lost reply', { ...lost }, 'ambiguous', false, 'unknown'],
  ['a lost reply to COMMIT', { ...lost, phase: 'committing' }, 'ambiguous', false, 'unknown'],
  ['a reset connection', { code: 'ECONNRESET' }, 'ambiguous', false, 'unknown'],
  ['a broken pipe', { code: 'EPIPE' }, 'ambiguous', false, 'unknown'],
  ['a shutdown', { errno: 1053 }, 'ambiguous', false, 'unknown'],
  ['a killed connection', { errno: 1927 }, 'ambiguous', false, 'unknown'],
  ['an error of COMMIT itself', { errno: 1180 }, 'ambiguous', false, 'unknown'],
  ['a duplicate key', { errno: 1062 }, 'permanent', false, 'not-applied'],
  ['a syntax error', { errno: 1064 }, 'permanent', false, 'not-applied'],
  ['an error that says nothing', new Error('?'), 'ambiguous', false, 'unknown'],
  ['a timeout', new TimeoutError('x'), 'not-sent', true, 'not-applied'],
  [
    'a timeout of a sent write',
    new TimeoutError('x', { outcome: 'unknown' }),
    'ambiguous',
    false,
    'unknown',
  ],
  ['an unavailable server', new UnavailableError('x'), 'not-sent', true, 'not-applied'],
  ['a refused statement', new StatementError('x'), 'permanent', false, 'not-applied'],
  ['an unknown outcome', new UnknownOutcomeError('x'), 'ambiguous', false, 'unknown'],
];

describe('an error is classified by its fields', () => {
  it.each(table)('%s', (_, error, kind, retryable, outcome) => {
    expect(classifyError(error)).toEqual({ kind, retryable, outcome });
  });

  it('and by the phase that the caller knows better', () => {
    const refused = { code: 'ECONNRESET' };
    expect(classifyError(refused, { phase: 'connecting' }).outcome).toBe('not-applied');
    expect(classifyError(refused, { phase: 'sent' }).outcome).toBe('unknown');
  });

  it('what may be applied is never called retryable', () => {
    for (let errno = 1; errno < 5_000; errno++) {
      const { retryable, outcome } = classifyError({ errno });
      expect(retryable && outcome !== 'not-applied').toBe(false);
    }
    for (const odd of [null, undefined, 'x', 0, {}, []]) {
      expect(classifyError(odd)).toMatchObject({ retryable: false, outcome: 'unknown' });
    }
  });
});

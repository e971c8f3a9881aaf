import {
  OverloadError,
  RolledBackError,
  StatementError,
  TimeoutError,
  UnavailableError,
  UnknownOutcomeError,
} from 'meridian';
import { classifyError, isServerFailure } from 'meridian/resilience';
import { describe, expect, it } from 'vitest';

const readOnly =
  'The MariaDB server is running with the --read-only option so it cannot execute this statement';
const lost = { code: 'PROTOCOL_CONNECTION_LOST' };

type Row = [
  what: string,
  error: object,
  kind: string,
  repeat: string,
  connection: string,
  serverFault: boolean,
];

/** Server errors that no statement of a test can provoke on MariaDB, and what has no number. */
const sent: Row[] = [
  ['too many connections', { errno: 1040 }, 'overload', 'elsewhere', 'close', true],
  ['no thread', { errno: 1135 }, 'overload', 'elsewhere', 'close', true],
  ['out of memory', { errno: 1041 }, 'overload', 'elsewhere', 'close', true],
  ['no memory for it', { errno: 1037 }, 'overload', 'elsewhere', 'roll-back', false],
  ['a full disk', { errno: 1021 }, 'overload', 'elsewhere', 'roll-back', false],
  ['too many transactions', { errno: 1637 }, 'overload', 'elsewhere', 'roll-back', false],
  ['a blocked host', { errno: 1129 }, 'not-sent', 'after-pause', 'close', true],
  ['garbled packets', { errno: 1156 }, 'not-sent', 'after-pause', 'close', true],
  [
    'a full lock table',
    { errno: 1206 },
    'transaction-rolled-back',
    'after-pause',
    'roll-back',
    false,
  ],
  [
    "MySQL's rollback",
    { errno: 3101 },
    'transaction-rolled-back',
    'after-pause',
    'roll-back',
    false,
  ],
  ['XA_RBROLLBACK', { errno: 1402 }, 'transaction-rolled-back', 'after-pause', 'close', false],
  ['XA_RBTIMEOUT', { errno: 1613 }, 'transaction-rolled-back', 'after-pause', 'close', false],
  ['XA_RBDEADLOCK', { errno: 1614 }, 'transaction-rolled-back', 'after-pause', 'close', false],
  ['XAER_RMERR', { errno: 1401 }, 'ambiguous', 'never', 'close', true],
  ["MySQL's NOWAIT", { errno: 3572 }, 'statement-rolled-back', 'after-pause', 'roll-back', false],
  ["MySQL's time limit", { errno: 3024 }, 'statement-rolled-back', 'never', 'roll-back', false],
  ['a stale statement', { errno: 1243 }, 'permanent', 're-prepared', 'keep', false],
  ['a changed table', { errno: 1615 }, 'permanent', 're-prepared', 'keep', false],
  [
    '--super-read-only',
    { errno: 1290, message: readOnly.replace('--', '--super-') },
    'topology',
    'after-pause',
    'close',
    true,
  ],
  [
    'another option',
    { errno: 1290, message: 'with the --secure-file-priv option' },
    'permanent',
    'never',
    'keep',
    false,
  ],
  ['an option nobody named', { errno: 1290 }, 'permanent', 'never', 'keep', false],
  ['read-only mode', { errno: 1836 }, 'topology', 'after-pause', 'close', true],
  ['a Galera node', { errno: 1047 }, 'topology', 'after-pause', 'close', true],
  [
    "MySQL's idle timeout",
    { errno: 4031, message: 'because of inactivity' },
    'not-sent',
    'after-pause',
    'close',
    true,
  ],
  [
    "MariaDB's 4031",
    { errno: 4031, message: 'Referenced trigger' },
    'permanent',
    'never',
    'keep',
    false,
  ],
  ['a network read error', { errno: 1158 }, 'ambiguous', 'never', 'close', true],
  ['a network write timeout', { errno: 1161 }, 'ambiguous', 'never', 'close', true],
  ['an error of COMMIT itself', { errno: 1180 }, 'ambiguous', 'never', 'close', true],
  ['a lost reply', lost, 'ambiguous', 'never', 'close', true],
  ['a reset connection', { code: 'ECONNRESET', errno: -104 }, 'ambiguous', 'never', 'close', true],
  ['a broken pipe', { code: 'EPIPE' }, 'ambiguous', 'never', 'close', true],
  ['an error that says nothing', new Error('?'), 'ambiguous', 'never', 'close', true],
  [
    "a refusal of Meridian's trigger",
    { errno: 1644, sqlState: '45MRD' },
    'statement-rolled-back',
    'never',
    'roll-back',
    false,
  ],
];

describe('an error of a statement that was sent', () => {
  it.each(sent)('%s', (_, error, kind, repeat, connection, serverFault) => {
    const found = classifyError(error);
    expect(found).toMatchObject({ kind, repeat, connection, serverFault });
    expect(found.outcome).toBe(kind === 'ambiguous' ? 'unknown' : 'not-applied');
    expect(isServerFailure(found)).toBe(serverFault);
  });
});

const beforeIt = ['connecting', 'queued'] as const;

describe('what failed before it was sent', () => {
  it.each(beforeIt)('%s: nothing is ambiguous, and no connection is kept', (phase) => {
    for (const error of [lost, { errno: 1053 }, { errno: 1205 }, { errno: 1158 }]) {
      expect(classifyError({ ...error, phase })).toEqual({
        kind: 'not-sent',
        retryable: true,
        outcome: 'not-applied',
        repeat: 'after-pause',
        connection: 'close',
        serverFault: true,
      });
    }
    const wrongPassword = classifyError({ errno: 1045 }, { phase });
    expect(wrongPassword).toMatchObject({ kind: 'permanent', connection: 'close' });
    expect(isServerFailure(wrongPassword)).toBe(false);
    expect(classifyError({ errno: 1040 }, { phase })).toMatchObject({ kind: 'overload' });
  });
});

describe('an answer to COMMIT', () => {
  const phase = 'committing';
  it.each([1213, 1020, 3101, 1205, 3572, 1402, 1613, 1614])(
    '%i says that all was rolled back',
    (errno) => {
      expect(classifyError({ errno, phase })).toMatchObject({
        kind: 'transaction-rolled-back',
        retryable: true,
        outcome: 'not-applied',
      });
    },
  );
  it('of a server that became read-only says so too', () => {
    expect(classifyError({ errno: 1290, message: readOnly, phase })).toMatchObject({
      kind: 'topology',
      outcome: 'not-applied',
    });
  });
  it.each([1047, 1053, 1062, 1064, 1114, 1180, 1290, 1317, 1969, 1927, 9999, undefined])(
    '%s proves nothing',
    (errno) => {
      expect(classifyError({ errno, phase })).toMatchObject({
        kind: 'ambiguous',
        retryable: false,
        outcome: 'unknown',
        repeat: 'never',
        connection: 'close',
      });
    },
  );
});

describe("Meridian's own errors keep what they say", () => {
  it.each([
    [new TimeoutError('x'), 'not-sent', true, true],
    [new TimeoutError('x', { outcome: 'unknown' }), 'ambiguous', false, true],
    [new UnavailableError('x'), 'not-sent', true, true],
    [new OverloadError('x'), 'overload', true, true],
    [new RolledBackError('x'), 'transaction-rolled-back', true, false],
    [new RolledBackError('x', { retryable: false }), 'transaction-rolled-back', false, false],
    [new StatementError('x'), 'permanent', false, false],
    [new UnknownOutcomeError('x'), 'ambiguous', false, true],
  ])('%s', (error, kind, retryable, serverFault) => {
    expect(classifyError(error)).toMatchObject({ kind, retryable, serverFault });
  });
});

describe('whatever the error', () => {
  it('what may be applied is never repeated or called retryable', () => {
    for (const phase of ['connecting', 'queued', 'sent', 'committing'] as const) {
      for (let errno = -200; errno < 5_000; errno++) {
        const { retryable, outcome, repeat } = classifyError({ errno, phase });
        if (outcome === 'not-applied') continue;
        expect({ retryable, repeat }).toEqual({ retryable: false, repeat: 'never' });
      }
    }
    for (const odd of [null, undefined, 'x', 0, {}, []]) {
      expect(classifyError(odd)).toMatchObject({ retryable: false, outcome: 'unknown' });
    }
  });
});

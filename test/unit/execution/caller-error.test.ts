import { describe, expect, it } from 'vitest';
import { AbortedError, OverloadError, TimeoutError } from '../../../src/errors/call-error.ts';
import { DriverFault, type Phase } from '../../../src/errors/driver-fault.ts';
import { callerError } from '../../../src/execution/caller-error.ts';

const at = { endpoint: 'one/primary', shard: 'one' };
const lost = (phase: Phase) => new DriverFault('lost', { phase, code: 'PROTOCOL_CONNECTION_LOST' });

describe('a reply that was lost', () => {
  it.each([
    ['read', false, 'sent', 'MERIDIAN_UNAVAILABLE', 'not-applied'],
    ['write', false, 'sent', 'MERIDIAN_UNKNOWN_OUTCOME', 'unknown'],
    ['write', true, 'sent', 'MERIDIAN_UNAVAILABLE', 'not-applied'],
    ['transaction', false, 'sent', 'MERIDIAN_ROLLED_BACK', 'not-applied'],
    ['transaction', false, 'committing', 'MERIDIAN_UNKNOWN_OUTCOME', 'unknown'],
  ] as const)(
    'of a %s (repeatable: %s, %s) is %s',
    (access, isRepeatable, phase, code, outcome) => {
      const failure = { ...at, access, isRepeatable, phase };
      expect(callerError(lost(phase), failure)).toMatchObject({ code, outcome, context: at });
    },
  );
});

describe('a deadline that passed', () => {
  it.each([
    ['write', false, 'sent', 'unknown', 'It was waiting for one/primary.'],
    ['write', true, 'sent', 'not-applied', 'It was waiting for one/primary.'],
    ['write', false, 'queued', 'not-applied', 'It was waiting for a connection to one/primary.'],
    ['transaction', false, 'committing', 'unknown', 'It was waiting for COMMIT on one/primary.'],
    ['read', false, 'sent', 'not-applied', 'It was waiting for one/primary.'],
  ] as const)(
    'under a %s (repeatable: %s, %s) is %s',
    (access, isRepeatable, phase, outcome, says) => {
      for (const passed of [new TimeoutError('Too late.'), new AbortedError('Too late.')]) {
        expect(callerError(passed, { ...at, access, isRepeatable, phase })).toMatchObject({
          code: passed.code,
          outcome,
          message: `Too late. ${says}`,
        });
      }
    },
  );
});

it('a refusal of this side says where, and an error of the caller passes as it is', () => {
  const failure = { ...at, access: 'read', phase: 'queued' } as const;
  const refused = callerError(new OverloadError('full', { context: { queue: 1 } }), failure);
  expect(refused).toMatchObject({ code: 'MERIDIAN_OVERLOAD', context: { ...at, queue: 1 } });
  const own = new Error('mine');
  expect(callerError(own, failure)).toBe(own);
});

import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { directorySettings } from '../../../src/config/directory-options.ts';
import { LookupValues } from '../../../src/directory/lookup-values.ts';
import type { LookupRule } from '../../../src/rows/schema/define-table.ts';
import type { LookupPlan } from '../../../src/rows/schema/lookup-plan.ts';

const { keys } = directorySettings.parse({
  keyspace: 'people',
  keys: ['the first key of all', 'another key of ours'],
});
const [first, second] = keys;
const name = 'people/users.phone';

function values(
  rule: Partial<LookupRule>,
  kind: LookupPlan['kind'] = 'string',
  mayRemember = () => true,
) {
  const personal = rule.personal !== false;
  const plan = { column: 'phone', name, kind, personal, rule: { unique: true as const, ...rule } };
  return new LookupValues(plan, 'users', keys, mayRemember);
}

describe('a personal value', () => {
  it('is stored as its HMAC under each key, and named by the key', () => {
    const { stored } = values({}).of('+49');
    expect(stored).toHaveLength(2);
    for (const [index, one] of [first, second].entries()) {
      if (one === undefined) throw new Error('two keys were made');
      const hash = createHmac('sha256', one.key).update(`${name}\0+49`).digest();
      expect(stored[index]).toEqual(Buffer.concat([one.id, hash]));
    }
  });

  it('is not kept in memory once the topology no longer lets this process hold it', () => {
    let mayRemember = true;
    const phones = values({}, 'string', () => mayRemember);
    const kept = phones.of('+49');
    expect(phones.of('+49')).toBe(kept);
    mayRemember = false;
    expect(phones.of('+49 2')).not.toBe(kept);
    mayRemember = true;
    expect(phones.of('+49')).toEqual(kept);
    expect(phones.of('+49')).not.toBe(kept);
  });

  it('is one value in all the ways of writing that normalize makes one', () => {
    const phones = values({ normalize: (phone) => String(phone).replace(/\D/g, '') });
    expect(phones.of('+49 1').stored).toEqual(phones.of('491').stored);
    expect(phones.held('4-9-1')?.text).toBe(phones.of('+491').text);
    expect(phones.held('4-9-2')?.text).not.toBe(phones.of('+491').text);
    expect(phones.held(null)).toBeUndefined();
  });
});

describe('a value that is not personal', () => {
  it('is stored as it is, up to 255 bytes', () => {
    const handles = values({ personal: false });
    expect(handles.of('äda').stored).toEqual([Buffer.from('äda')]);
    expect(handles.of('x'.repeat(255)).stored[0]).toHaveLength(255);
    expect(() => handles.of('ä'.repeat(128))).toThrow(/longer than 255 bytes/);
  });
});

it('values are compared as JavaScript does, but for UUIDs', () => {
  const handles = values({});
  expect(handles.of('Ada').text).not.toBe(handles.of('ada').text);
  expect(handles.of('ada ').text).not.toBe(handles.of('ada').text);
  const upper = '0188B5A7-0000-7000-8000-00000000000A';
  expect(values({}, 'uuid').of(upper).text).toBe(upper.toLowerCase());
  expect(values({}, 'bigint').of(2n ** 63n).text).toBe('9223372036854775808');
});

it.each([
  ['string', 1],
  ['string', null],
  ['string', '\ud83d'],
  ['integer', '1'],
  ['integer', 1.5],
  ['bigint', 1],
] as const)('a lookup by %s does not take %j', (kind, value) => {
  expect(() => values({}, kind).of(value)).toThrow(/can't be the 'phone'/);
});

it('normalize must give text, and the error does not tell the value', () => {
  const broken = values({ normalize: () => JSON.parse('null') });
  expect(() => broken.of('top-secret')).toThrow(/normalize did not give text/);
  expect(() => broken.of('top-secret')).not.toThrow(/top-secret/);
});

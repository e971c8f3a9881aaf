import { RoutingError } from 'meridian';
import { expect, it } from 'vitest';
import {
  mustSee,
  noSession,
  SeenWrites,
  tokenOfWrite,
} from '../../../src/rows/sessions/seen-writes.ts';
import { parseToken } from '../../../src/rows/sessions/token.ts';
import { createTopology } from '../../../src/topology/create-topology.ts';

const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';

const topology = createTopology(
  {
    epoch: 1,
    regions: { eu: { code: 1, location: [50, 8], default: true } },
    shards: {
      one: { region: 'eu', primary: 'mysql://u:p@one/app?tls=off' },
      two: { region: 'eu', primary: 'mysql://u:p@two/app?tls=off' },
    },
    keyspaces: { ledger: { code: 1, strategy: 'hash', shards: ['one', 'two'] } },
  },
  [],
);
if (topology === undefined) throw new Error('the topology is well');

const seenBy = (token: string) => new SeenWrites(parseToken(token));

it('is in characters of headers, cookies and URLs, and the same after the way there and back', () => {
  const seen = new SeenWrites();
  expect(seen.token).toBeUndefined();
  seen.note('eu-1', '0-1-5');
  seen.note('eu-1', '3-1-9');
  seen.note('tx.2', undefined);
  seen.note('us_1', `${uuid}:1-5:9`);
  const { token = '' } = seen;
  expect(token).toBe(`v1~eu-1=0-1-5!3-1-9~tx.2~us_1=${uuid}:1-5:9`);
  expect(token).toMatch(/^[\w.~=!:*-]+$/);
  expect(seenBy(token).token).toBe(token);
});

it('a write whose place nobody knows is not made up for by a later one', () => {
  const seen = seenBy('v1~one=0-1-5');
  seen.note('one', undefined);
  seen.note('one', '0-1-9');
  expect(seen.token).toBe('v1~one');
  seen.note('two', 'what no server says');
  expect(seen.token).toBe('v1~one~two');
});

it('concerns the shards that were written, and all once one of those is unknown', () => {
  expect(new SeenWrites().concerns(topology, 'one')).toBe(false);
  expect(seenBy('v1~one=0-1-5').concerns(topology, 'one')).toBe(true);
  expect(seenBy('v1~one=0-1-5').concerns(topology, 'two')).toBe(false);
  expect(seenBy('v1~one').concerns(topology, 'two', 'one')).toBe(true);
  expect(seenBy('v1~gone=0-1-5').concerns(topology, 'two')).toBe(true);
  expect(seenBy('v1~*').concerns(topology, 'two')).toBe(true);
});

it('a token within a session adds to what is seen, for that read', () => {
  const session = seenBy('v1~one=0-1-5');
  expect(mustSee(session, 'v1~two=0-2-1~one=0-1-4').token).toBe('v1~one=0-1-5~two=0-2-1');
  expect(mustSee(session, 'v1~*').token).toBe('v1~*');
  expect(session.token).toBe('v1~one=0-1-5');
  expect(mustSee(session, undefined)).toBe(session);
  expect(mustSee(noSession, undefined)).toBe(noSession);
  expect(mustSee(noSession, 'v1~*').token).toBe('v1~*');
  expect(noSession.token).toBeUndefined();
});

it('says less rather than be longer than what is read', () => {
  const many = new SeenWrites();
  for (let shard = 0; shard < 100; shard++) many.note(`shard-${shard}`, `${uuid}:1-${shard + 2}`);
  expect(many.token).toMatch(/^v1~shard-0~shard-1~/);
  expect(seenBy(many.token ?? '').token).toBe(many.token);
  for (let shard = 0; shard < 1_000; shard++) many.note(`shard-${shard}`, undefined);
  expect(many.token).toBe('v1~*');
  many.note('one', '0-1-1');
  expect(many.token).toBe('v1~*');
});

it('the token of a write names the shard where its row was born as well', () => {
  const wrote = { gtid: '0-1-5', affected: 1 };
  expect(tokenOfWrite({ shard: 'one', homes: ['one'] }, wrote)).toBe('v1~one=0-1-5');
  expect(tokenOfWrite({ shard: 'one', homes: ['two'] }, wrote)).toBe('v1~one=0-1-5~two');
  const silent = { gtid: undefined, affected: 1 };
  expect(tokenOfWrite({ shard: 'one', homes: [] }, silent)).toBe('v1~one');
  const nothing = { gtid: undefined, affected: 0 };
  expect(tokenOfWrite({ shard: 'one', homes: ['two'] }, nothing)).toBeUndefined();
});

it.each([
  '',
  'v1',
  'v1~',
  'v1~=0-1-5',
  'v1~one=',
  'v1~one=x',
  'v1~one=0-1-5=',
  'v1~one~one',
  'v1~*~one',
  'v1~one two',
  'v1~öne',
  'v2~one=0-1-5',
  'one=0-1-5',
  '__proto__',
  `v1~${'x'.repeat(64)}`,
  `v1~one=${'0-1-5!'.repeat(1_000)}0-1-5`,
  42,
  null,
  {},
  ['v1~one'],
])('%j is no token', (text) => {
  expect(() => parseToken(text)).toThrow(RoutingError);
  expect(() => parseToken(text)).toThrow(/no consistency token/);
  if (typeof text === 'string' && text.includes('öne')) {
    expect(() => parseToken(text)).not.toThrow(/öne/);
  }
});

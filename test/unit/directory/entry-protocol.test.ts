import { describe, expect, it } from 'vitest';
import * as protocol from '../../../src/directory/entry-protocol.ts';
import { explore, type Happening } from '../../support/judges/explore.ts';

type Name = 'a' | 'b';
type Row = 1 | 2;
type Outcome = 'applied' | 'aborted';

interface Entry {
  readonly state: 'reserved' | 'leaving' | 'confirmed';
  readonly row: Row;
  /** The token of the attempt that wrote it last. */
  readonly token: Name | 'earlier';
}

/** Somebody who met an entry and helps its attempt to its end. */
type Helping =
  | { readonly at: 'asks'; readonly met: Entry }
  | { readonly at: 'decides'; readonly met: Entry }
  | { readonly at: 'carries-out'; readonly met: Entry; readonly outcome: Outcome };

type Writer =
  | { readonly at: 'finds'; readonly isSent: boolean }
  | {
      readonly at: 'does';
      readonly step: protocol.Reserving;
      readonly met: Entry | null;
      readonly isSent: boolean;
    }
  | { readonly at: 'helps'; readonly helping: Helping; readonly isSent: boolean }
  | { readonly at: 'begins' | 'writes' | 'commits' | 'asked' | 'dead' }
  | { readonly at: 'ends'; readonly outcome: Outcome }
  | { readonly at: 'told'; readonly outcome: 'applied' | 'not-applied' | 'unknown' };

/** One value, two rows, and two writers of which each has a row and a wish. */
interface World {
  readonly entry: Entry | null;
  /** Outcomes on record where the rows are, committed. */
  readonly records: Readonly<Record<Name, Outcome | null>>;
  /** Whose transaction is open, with its token in it. */
  readonly open: Readonly<Record<Name, 'marked' | 'written' | null>>;
  /** Rows that hold the value, committed. */
  readonly holds: Readonly<Record<Row, boolean>>;
  readonly writers: Readonly<Record<Name, Writer>>;
  readonly sweeper: Helping | null;
}

type Wishes = Readonly<Record<Name, { readonly kind: 'enter' | 'leave'; readonly row: Row }>>;
type Protocol = Omit<typeof protocol, 'Reserving'>;

const names = ['a', 'b'] as const;
const put = <K extends 'writers' | 'records' | 'open'>(
  world: World,
  part: K,
  name: Name,
  value: World[K][Name],
): World => ({ ...world, [part]: { ...world[part], [name]: value } });

function begin(holder: Row | undefined, isStale = false): World {
  return {
    entry: holder === undefined ? null : { state: 'confirmed', row: holder, token: 'earlier' },
    records: { a: null, b: null },
    open: { a: null, b: null },
    holds: { 1: holder === 1 && !isStale, 2: holder === 2 && !isStale },
    writers: { a: { at: 'finds', isSent: false }, b: { at: 'finds', isSent: false } },
    sweeper: null,
  };
}

/** Changes the entry unless it is another by now than the one that was met. */
function carriedOut(world: World, met: Entry, outcome: Outcome, { afterEnding }: Protocol): World {
  const { entry } = world;
  if (met.state === 'confirmed' || entry?.state !== met.state || entry.token !== met.token)
    return world;
  const end = afterEnding(met.state, outcome);
  return { ...world, entry: end === 'absent' ? null : { ...entry, state: 'confirmed' } };
}

/** One step of somebody who helps; `undefined` in place of what helps when it has ended. */
function help(
  world: World,
  helping: Helping,
  used: Protocol,
): (readonly [what: string, world: World, next: Helping | undefined])[] {
  const { met } = helping;
  const owner = met.token;
  if (owner === 'earlier') return [['finds it ended', world, undefined]];
  const record = world.records[owner];
  switch (helping.at) {
    case 'asks':
      // Nobody knows how old an attempt is: both ways are gone.
      return [true, false].map((isOld) => {
        const step = used.onRival(record ?? undefined, isOld);
        if (step === 'wait') return ['waits', world, undefined];
        if (step === 'resolve') return ['resolves', world, { at: 'decides', met }];
        return [`finds ${step.finish}`, world, { at: 'carries-out', met, outcome: step.finish }];
      });
    case 'decides':
      // The token is unique: who has it open is waited for.
      if (world.open[owner] !== null) return [];
      if (record !== null)
        return [['meets the record', world, { at: 'carries-out', met, outcome: record }]];
      return [
        [
          'records aborted',
          put(world, 'records', owner, 'aborted'),
          { at: 'carries-out', met, outcome: 'aborted' },
        ],
      ];
    case 'carries-out':
      return [['carries it out', carriedOut(world, met, helping.outcome, used), undefined]];
  }
}

function steps(world: World, name: Name, wishes: Wishes, used: Protocol): Happening<World>[] {
  const writer = world.writers[name];
  const { kind, row } = wishes[name];
  const wish = { kind, rowKey: String(row) };
  const to = (what: string, next: Writer, of = world): Happening<World> => [
    `${name}: ${what}`,
    put(of, 'writers', name, next),
  ];
  const reserving = (step: protocol.Reserving, met: Entry | null, isSent: boolean): Writer => {
    if (step === 'taken') return { at: 'told', outcome: 'not-applied' };
    // What the row's own transaction makes sure of: it is not inserted twice.
    if (step === 'own') return { at: 'told', outcome: 'not-applied' };
    const isReserved =
      step === 'reserved' || step === 'kept' || step === 'absent' || step === 'reversed';
    return isReserved ? { at: 'begins' } : { at: 'does', step, met, isSent };
  };
  const dies = to('dies', { at: 'dead' }, put(world, 'open', name, null));
  switch (writer.at) {
    case 'finds': {
      const { entry } = world;
      const met = entry && {
        state: entry.state,
        rowKey: String(entry.row),
        isOwn: entry.token === name,
      };
      const step = used.afterFinding(wish, met ?? undefined, writer.isSent);
      return [dies, to(`finds: ${step}`, reserving(step, entry, writer.isSent))];
    }
    case 'does': {
      const { step, met } = writer;
      const back: Writer = { at: 'finds', isSent: true };
      if (step === 'await' && met !== null) {
        return [to('helps', { at: 'helps', helping: { at: 'asks', met }, isSent: writer.isSent })];
      }
      if (step === 'ask-holder' && met !== null) {
        const next = used.afterAsking(wish, { rowKey: String(met.row) }, world.holds[met.row]);
        return [dies, to(`asks the holder: ${next}`, reserving(next, met, writer.isSent))];
      }
      const { entry } = world;
      const isAsMet =
        step === 'insert'
          ? entry === null
          : step === 'take-over'
            ? entry?.state === 'confirmed' && entry.token === met?.token
            : entry?.state === 'confirmed' && entry.row === row;
      if (!isAsMet) return [to(`${step} changes nothing`, back)];
      const state = step === 'mark-leaving' ? 'leaving' : 'reserved';
      const changed: World = { ...world, entry: { state, row, token: name } };
      return [
        to(step, { at: 'begins' }, changed),
        to(`${step}, and hears nothing`, back, changed),
        to(`${step}, and dies`, { at: 'dead' }, changed),
      ];
    }
    case 'helps':
      return help(world, writer.helping, used).map(([what, next, helping]) =>
        to(
          what,
          helping === undefined
            ? { at: 'finds', isSent: writer.isSent }
            : { at: 'helps', helping, isSent: writer.isSent },
          next,
        ),
      );
    case 'begins':
      // Its own token is on record: it was taken for abandoned.
      if (world.records[name] !== null)
        return [dies, to('is too late', { at: 'ends', outcome: 'aborted' })];
      return [dies, to('marks', { at: 'writes' }, put(world, 'open', name, 'marked'))];
    case 'writes':
      return [dies, to('writes the row', { at: 'commits' }, put(world, 'open', name, 'written'))];
    case 'commits':
      return [
        dies,
        ended('commits', 'applied', committed(world, name, wishes)),
        ended('is rolled back', 'not-applied', put(world, 'open', name, null)),
        to('sends COMMIT, and hears nothing', { at: 'asked' }),
      ];
    case 'asked':
      return [ended('is told unknown', 'unknown', world)];
    case 'ends': {
      // The entries of its own that it knows of; one that is another by now is left alone.
      const state = kind === 'enter' ? 'reserved' : 'leaving';
      const own: Entry = { state, row, token: name };
      const outcome = writer.outcome === 'applied' ? 'applied' : 'not-applied';
      const done = carriedOut(world, own, writer.outcome, used);
      return [dies, to(`ends: ${outcome}`, { at: 'told', outcome }, done)];
    }
    default:
      return [];
  }

  function ended(what: string, transaction: 'applied' | 'not-applied' | 'unknown', of: World) {
    const outcome = used.endedBy(transaction);
    const next: Writer =
      outcome === undefined ? { at: 'told', outcome: 'unknown' } : { at: 'ends', outcome };
    return to(what, next, of);
  }
}

function committed(world: World, name: Name, wishes: Wishes): World {
  const { kind, row } = wishes[name];
  const done = put(put(world, 'open', name, null), 'records', name, 'applied');
  return { ...done, holds: { ...done.holds, [row]: kind === 'enter' } };
}

/** A transaction whose COMMIT was sent is ended by the server, some day. */
function servers(world: World, wishes: Wishes): Happening<World>[] {
  return names.flatMap((name): Happening<World>[] => {
    const { at } = world.writers[name];
    const isLeft = at === 'asked' || at === 'told' || at === 'dead' || at === 'ends';
    if (!isLeft || world.open[name] === null) return [];
    return [
      [`the server commits ${name}`, committed(world, name, wishes)],
      [`the server loses ${name}`, put(world, 'open', name, null)],
    ];
  });
}

function sweeps(world: World, used: Protocol): Happening<World>[] {
  const { entry, sweeper } = world;
  if (sweeper !== null) {
    return help(world, sweeper, used).map(([what, next, helping]) => [
      `sweeper: ${what}`,
      { ...next, sweeper: helping ?? null },
    ]);
  }
  if (entry === null || entry.state === 'confirmed') return [];
  return [['sweeper: meets it', { ...world, sweeper: { at: 'decides', met: entry } }]];
}

/** @param stale whether the entry was of no row to begin with. */
function wrong(world: World, isEnd: boolean, stale: boolean): string | undefined {
  const { entry, holds } = world;
  if (holds[1] && holds[2]) return 'two rows hold one value';
  if (!isEnd) return undefined;
  if (entry !== null && entry.state !== 'confirmed') return 'an entry is left behind';
  for (const row of [1, 2] as const) {
    if (holds[row] && entry?.row !== row) return `row ${row} is not found by its value`;
  }
  // What was changed past the directory is made up for when somebody wants the value.
  const isExcused = stale && entry?.token === 'earlier';
  const isStray = entry !== null && !holds[entry.row] && !isExcused;
  return isStray ? 'an entry stays for a row that does not hold the value' : undefined;
}

const enter1 = { kind: 'enter', row: 1 } as const;
const enter2 = { kind: 'enter', row: 2 } as const;
const leave1 = { kind: 'leave', row: 1 } as const;
const cases: [string, World, Wishes][] = [
  ['two rows want a value that nobody has', begin(undefined), { a: enter1, b: enter2 }],
  ['one gives it up while another wants it', begin(1), { a: leave1, b: enter2 }],
  ['its row was deleted past the directory', begin(1, true), { a: enter1, b: enter2 }],
];

const check = (start: World, wishes: Wishes, changed: Partial<Protocol> = {}) => {
  const used = { ...protocol, ...changed };
  const stale = start.entry !== null && !start.holds[start.entry.row];
  return explore(
    start,
    (world) => [
      ...names.flatMap((name) => steps(world, name, wishes, used)),
      ...servers(world, wishes),
      ...sweeps(world, used),
    ],
    (world, isEnd) => wrong(world, isEnd, stale),
  );
};

describe('an entry of the directory', () => {
  it.each(cases)('%s: every order, every crash, and a sweep', (_, start, wishes) => {
    const result = check(start, wishes);
    expect(result).not.toHaveProperty('trace');
    expect(result).toHaveProperty('states');
  });

  it.each<[string, Partial<Protocol>]>([
    [
      'what nobody decided counts as aborted',
      { onRival: (outcome) => ({ finish: outcome ?? 'aborted' }) },
    ],
    [
      'what nobody decided counts as applied',
      { onRival: (outcome) => ({ finish: outcome ?? 'applied' }) },
    ],
    ['a lost COMMIT is undone', { endedBy: (told) => (told === 'applied' ? told : 'aborted') }],
    [
      'a lost COMMIT is believed',
      { endedBy: (told) => (told === 'not-applied' ? 'aborted' : 'applied') },
    ],
    ['a value that was given up stays', { afterEnding: () => 'confirmed' }],
    [
      'a value goes whose row stays',
      {
        afterEnding: (state, outcome) =>
          state === 'leaving' ? 'absent' : protocol.afterEnding(state, outcome),
      },
    ],
    ['who holds a value is not asked', { afterAsking: () => 'take-over' }],
    [
      'a value that is leaving is free',
      {
        afterFinding: (wish, met, isSent) =>
          met?.state === 'leaving' ? 'reserved' : protocol.afterFinding(wish, met, isSent),
      },
    ],
    [
      'a value that is reserved is had',
      {
        afterFinding: (wish, met, isSent) =>
          met?.state === 'reserved' ? 'kept' : protocol.afterFinding(wish, met, isSent),
      },
    ],
    [
      'a row gives up a value without a word',
      {
        afterFinding: (wish, met, isSent) =>
          wish.kind === 'leave' ? 'absent' : protocol.afterFinding(wish, met, isSent),
      },
    ],
  ])('a fault is found: %s', (_, changed) => {
    const found = cases.map(([, start, wishes]) => check(start, wishes, changed));
    expect(found.some((result) => 'trace' in result)).toBe(true);
  });
});

it('what an attempt has already, it does not take twice', () => {
  const own = { rowKey: '1', isOwn: true };
  const enter = { kind: 'enter', rowKey: '1' } as const;
  const leave = { kind: 'leave', rowKey: '1' } as const;
  const after = protocol.afterFinding;
  expect(after(enter, { ...own, state: 'reserved' }, false)).toBe('kept');
  expect(after(enter, { ...own, state: 'reserved' }, true)).toBe('reserved');
  expect(after(leave, { ...own, state: 'reserved' }, false)).toBe('reversed');
  expect(after(enter, { ...own, state: 'leaving' }, true)).toBe('reversed');
  expect(after(enter, { ...own, rowKey: '2', state: 'reserved' }, false)).toBe('taken');
  expect(after(leave, { ...own, rowKey: '2', state: 'reserved' }, false)).toBe('absent');
});

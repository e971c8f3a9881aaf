import { describe, expect, it } from 'vitest';
import { finishingMs, moverLifeMs } from '../../../src/forwarding/protocol-times.ts';
import * as protocol from '../../../src/relocation/relocation-protocol.ts';
import { explore, type Happening } from '../../support/judges/explore.ts';

type Name = 'a' | 'b';

/** What the shard that is left has on record of the owner. */
interface Recorded {
  readonly by: Name;
  readonly state: 'announced' | 'reversing' | 'moved';
  readonly crossing: boolean;
  readonly notified: boolean;
}

/** What a mover's two transactions have done and not committed, on the shard that is left and on the other. */
interface Leaving {
  readonly holdsRows: boolean;
  readonly holdsRecord: boolean;
  readonly hasLeft: boolean;
  readonly hasCutOver: boolean;
}
interface Arriving {
  readonly isRecorded: boolean;
  /** The version of the rows that were copied. */
  readonly copies: number | null;
}

/** Somebody who ends a move, one's own or another's. */
type Ending = {
  readonly of: Name;
  readonly at: 'reverses' | 'asks' | 'undoes' | 'finishes';
  readonly step: number;
};

type Mover =
  | { readonly at: 'announces' | 'meets' | 'commits-arrival' | 'commits-departure' | 'dead' }
  | { readonly at: 'crosses'; readonly step: number }
  | { readonly at: 'ends'; readonly ending: Ending; readonly afterwards: 'announces' | 'told' }
  | { readonly at: 'told'; readonly told: 'moved' | 'refused' | 'unknown' };

/** An owner, two movers who want it on the other shard, a writer and a sweeper. Rows are their version. */
interface World {
  readonly rows: number | null;
  readonly copies: { readonly by: Name; readonly version: number } | null;
  readonly record: Recorded | null;
  /** Announcements of movers who have given them up, and that the server has yet to see. */
  readonly late: Readonly<Record<Name, boolean>>;
  readonly arrivals: Readonly<Record<Name, 'arrived' | 'aborted' | null>>;
  readonly leaving: Readonly<Record<Name, Leaving | null>>;
  readonly arriving: Readonly<Record<Name, Arriving | null>>;
  readonly movers: Readonly<Record<Name, Mover>>;
  readonly sweeper: Ending | null;
  readonly writes: number;
  /** Whether a sweep has gone through all of a move, and it is as it was. */
  readonly isStuck: boolean;
}

const names = ['a', 'b'] as const;
const ids = { a: Buffer.from('a'), b: Buffer.from('b') };
const mostWrites = 1;
const start: World = {
  rows: 0,
  copies: null,
  record: null,
  late: { a: false, b: false },
  arrivals: { a: null, b: null },
  leaving: { a: null, b: null },
  arriving: { a: null, b: null },
  movers: { a: { at: 'announces' }, b: { at: 'announces' } },
  sweeper: null,
  writes: 0,
  isStuck: false,
};

type Crossing = (typeof protocol.crossing)[number];
interface Protocol extends Omit<typeof protocol, 'crossing' | 'reversal' | 'completion' | 'isDue'> {
  readonly crossing: readonly Crossing[];
  readonly reversal: readonly (typeof protocol.reversal)[number][];
  readonly completion: readonly (typeof protocol.completion)[number][];
}

const put = <K extends 'late' | 'movers' | 'leaving' | 'arriving' | 'arrivals'>(
  world: World,
  part: K,
  name: Name,
  value: World[K][Name],
): World => ({ ...world, [part]: { ...world[part], [name]: value } });

const isHeld = (world: World, lock: 'holdsRows' | 'holdsRecord', but?: Name) =>
  names.some((name) => name !== but && world.leaving[name]?.[lock]);

/** One step of ending a move; how it ended in place of what ends it when that is over. */
function end(
  world: World,
  ending: Ending,
  used: Protocol,
): (readonly [string, World, Ending | protocol.RelocationEnding])[] {
  const { of, step: at } = ending;
  const { record } = world;
  const isOwn = record?.by === of;
  const next: Ending = { ...ending, step: at + 1 };
  switch (ending.at) {
    case 'reverses': {
      if (isHeld(world, 'holdsRecord')) return [];
      const isOpen = record !== null && isOwn && record.state !== 'moved';
      const after: World = isOpen ? { ...world, record: { ...record, state: 'reversing' } } : world;
      const then = used.afterReversing(isOpen ? 1 : 0);
      return [[then, after, { of, at: then === 'ask' ? 'asks' : 'undoes', step: 0 }]];
    }
    case 'asks': {
      const recorded = record === null ? undefined : { ...record, moveId: ids[record.by] };
      const how = used.endingOf(recorded, ids[of]);
      return [[`asks: ${how}`, world, how === 'moved' ? { of, at: 'finishes', step: 0 } : how]];
    }
    case 'undoes': {
      const step = used.reversal[at];
      if (step === undefined) return [['is done', world, 'reversed']];
      if (step === 'remove-copies') {
        // The token is unique: who has it open is waited for.
        if (world.arriving[of]?.isRecorded) return [];
        const undone = put(world, 'arrivals', of, 'aborted');
        const isCopied = world.arrivals[of] === 'arrived' && world.copies?.by === of;
        return [[step, isCopied ? { ...undone, copies: null } : undone, next]];
      }
      if (step === 'remove-record' && isHeld(world, 'holdsRecord')) return [];
      const isGone = step === 'remove-record' && isOwn && record?.state === 'reversing';
      return [[step, isGone ? { ...world, record: null } : world, next]];
    }
    case 'finishes': {
      const step = used.completion[at];
      if (step === undefined) return [['is done', world, 'moved']];
      const isForgotten = step === 'forget-arrival' && world.arrivals[of] === 'arrived';
      const after = isForgotten ? put(world, 'arrivals', of, null) : world;
      const isTold = step === 'notify' && isOwn && record !== null;
      return [[step, isTold ? { ...after, record: { ...record, notified: true } } : after, next]];
    }
  }
}

function steps(world: World, name: Name, used: Protocol): Happening<World>[] {
  const mover = world.movers[name];
  const to = (what: string, next: Mover, of = world): Happening<World> => [
    `${name}: ${what}`,
    put(of, 'movers', name, next),
  ];
  const undone = put(put(world, 'leaving', name, null), 'arriving', name, null);
  const ends = (at: Ending['at']): Mover => ({
    at: 'ends',
    ending: { of: name, at, step: 0 },
    afterwards: 'told',
  });
  const dies = to('dies', { at: 'dead' }, undone);
  const fails = to('fails', ends('reverses'), undone);
  switch (mover.at) {
    case 'announces': {
      if (world.record !== null) return [to('meets a move', { at: 'meets' })];
      const record: Recorded = { by: name, state: 'announced', crossing: false, notified: false };
      const announced: World = { ...world, record };
      const left = { holdsRows: false, holdsRecord: false, hasLeft: false, hasCutOver: false };
      const begun = put(announced, 'leaving', name, left);
      const both = put(begun, 'arriving', name, { isRecorded: false, copies: null });
      return [
        to('announces', { at: 'crosses', step: 0 }, both),
        to('announces, and dies', { at: 'dead' }, announced),
        to('announces, and hears nothing', ends('reverses'), announced),
        to('announces, and it is late', ends('reverses'), put(world, 'late', name, true)),
      ];
    }
    case 'meets':
      // How old what is met is, and whether its mover lives, nobody knows.
      return [0, moverLifeMs].map((ageMs) => {
        const { record } = world;
        const next = used.onEarlier(record === null ? undefined : { state: record.state, ageMs });
        if (next === 'announce' || record === null) return to('looks again', { at: 'announces' });
        if (next !== 'resolve') return to(`is refused: ${next}`, { at: 'told', told: 'refused' });
        const ending: Ending = { of: record.by, at: 'reverses', step: 0 };
        return to('resolves what it met', { at: 'ends', ending, afterwards: 'announces' });
      });
    case 'crosses': {
      const step = used.crossing[mover.step];
      if (step === undefined) return [dies, fails, to('is across', { at: 'commits-arrival' })];
      const after = crossed(world, name, step, used);
      if (after === 'waits') return [dies, fails];
      if (after === 'gives up') return [dies, fails];
      return [dies, fails, to(step, { at: 'crosses', step: mover.step + 1 }, after)];
    }
    case 'commits-arrival': {
      const arrived = arrival(world, name);
      return [
        dies,
        fails,
        to('commits the arrival', { at: 'commits-departure' }, arrived),
        to('commits the arrival, and fails', ends('reverses'), put(arrived, 'leaving', name, null)),
        // The server has yet to see it, and may see it after the other transaction was undone.
        to('asks for the arrival, and dies', { at: 'dead' }, put(world, 'leaving', name, null)),
      ];
    }
    case 'commits-departure':
      return [
        dies,
        fails,
        to('cuts over', ends('finishes'), departure(world, name)),
        to('sends COMMIT, and hears nothing', ends('reverses')),
        to('sends COMMIT, and dies', { at: 'dead' }),
      ];
    case 'ends':
      return [
        to('leaves it to others', { at: 'told', told: 'unknown' }),
        ...end(world, mover.ending, used).map(([what, next, outcome]) => {
          if (typeof outcome === 'object') return to(what, { ...mover, ending: outcome }, next);
          if (mover.afterwards === 'announces') return to(what, { at: 'announces' }, next);
          return to(what, { at: 'told', told: outcome === 'moved' ? 'moved' : 'refused' }, next);
        }),
      ];
    default:
      return [];
  }
}

/** A step of the crossing, or why it is not made. */
function crossed(world: World, name: Name, step: Crossing, used: Protocol) {
  const { record } = world;
  const leaving = world.leaving[name];
  const arriving = world.arriving[name];
  if (leaving === null || arriving === null) throw new Error('both transactions are open');
  const isOwn = record?.by === name && record.state === 'announced';
  switch (step) {
    case 'record-arrival':
      if (world.arrivals[name] !== null) return 'gives up';
      return put(world, 'arriving', name, { ...arriving, isRecorded: true });
    case 'copy': {
      if (isHeld(world, 'holdsRows', name)) return 'waits';
      if (world.rows === null) return 'gives up';
      const locked = put(world, 'leaving', name, { ...leaving, holdsRows: true });
      return put(locked, 'arriving', name, { ...arriving, copies: world.rows });
    }
    case 'begin-crossing':
      if (isHeld(world, 'holdsRecord')) return 'waits';
      return isOwn ? { ...world, record: { ...record, crossing: true } } : world;
    case 'lock-crossing': {
      if (isHeld(world, 'holdsRecord', name)) return 'waits';
      const isThere = isOwn && record.crossing;
      if (!used.mayLeave(isThere ? 1 : 0)) return 'gives up';
      return put(world, 'leaving', name, { ...leaving, holdsRecord: isThere });
    }
    case 'leave':
      return put(world, 'leaving', name, { ...leaving, hasLeft: true });
    case 'cut-over':
      return put(world, 'leaving', name, { ...leaving, hasCutOver: true });
    default:
      return world;
  }
}

function arrival(world: World, name: Name): World {
  const arriving = world.arriving[name];
  const done = put(world, 'arriving', name, null);
  if (arriving === null) return done;
  const { isRecorded, copies } = arriving;
  const arrived = isRecorded ? put(done, 'arrivals', name, 'arrived') : done;
  return copies === null ? arrived : { ...arrived, copies: { by: name, version: copies } };
}

function departure(world: World, name: Name): World {
  const leaving = world.leaving[name];
  const done = put(world, 'leaving', name, null);
  if (leaving === null) return done;
  const { record } = world;
  const rows = leaving.hasLeft ? null : world.rows;
  if (!leaving.hasCutOver || record?.by !== name) return { ...done, rows };
  return { ...done, rows, record: { ...record, state: 'moved', crossing: false } };
}

/** Transactions whose COMMIT was sent are ended by their servers, some day; each by itself. */
function servers(world: World): Happening<World>[] {
  return names.flatMap((name): Happening<World>[] => {
    const { at } = world.movers[name];
    if (at !== 'dead' && at !== 'ends' && at !== 'told') return [];
    const happenings: Happening<World>[] = [];
    if (world.arriving[name] !== null) {
      happenings.push([`the arrival of ${name} is committed`, arrival(world, name)]);
      happenings.push([`the arrival of ${name} is lost`, put(world, 'arriving', name, null)]);
    }
    if (world.late[name]) {
      const seen = put(world, 'late', name, false);
      const record: Recorded = { by: name, state: 'announced', crossing: false, notified: false };
      // A unique key: what is on record is in its way.
      happenings.push([
        `the announcement of ${name} lands`,
        world.record === null ? { ...seen, record } : seen,
      ]);
      happenings.push([`the announcement of ${name} is lost`, seen]);
    }
    if (world.leaving[name] !== null) {
      happenings.push([`the departure of ${name} is committed`, departure(world, name)]);
      happenings.push([`the departure of ${name} is lost`, put(world, 'leaving', name, null)]);
    }
    return happenings;
  });
}

/** A writer changes the rows where the owner is: a shard refuses those of one who crosses, or has left. */
function writes(world: World): Happening<World>[] {
  const { record, rows, copies } = world;
  if (world.writes === mostWrites) return [];
  const next = { ...world, writes: world.writes + 1 };
  if (record?.state === 'moved') {
    if (copies === null) return [];
    const changed = { ...copies, version: copies.version + 1 };
    return [['writer: writes there', { ...next, copies: changed }]];
  }
  if (rows === null || record?.crossing || isHeld(world, 'holdsRows')) return [];
  return [['writer: writes here', { ...next, rows: rows + 1 }]];
}

function sweeps(world: World, used: Protocol): Happening<World>[] {
  const { sweeper, record } = world;
  if (sweeper !== null) {
    return end(world, sweeper, used).map(([what, next, outcome]) => [
      `sweeper: ${what}`,
      typeof outcome === 'object'
        ? { ...next, sweeper: outcome }
        : {
            ...next,
            sweeper: null,
            isStuck: outcome !== 'gone' && !isOver(next.record, sweeper.of),
          },
    ]);
  }
  if (record === null || isOver(record, record.by)) return [];
  const at = record.state === 'moved' ? 'finishes' : 'reverses';
  return [['sweeper: meets a move', { ...world, sweeper: { of: record.by, at, step: 0 } }]];
}

/** Whether nothing is left to do of somebody's move. */
function isOver(record: Recorded | null, by: Name): boolean {
  return record?.by !== by || (record.state === 'moved' && record.notified);
}

function wrong(world: World, isEnd: boolean): string | undefined {
  const { record, rows, copies, movers } = world;
  if (world.isStuck) return 'a sweep ends nothing';
  if (rows === null && copies === null) return 'the owner is nowhere';
  if (record?.state === 'moved' && rows !== null) return 'the owner is where it has left';
  for (const name of names) {
    const mover = movers[name];
    if (mover.at !== 'told' || world.leaving[name] !== null) continue;
    const hasMoved = record?.state === 'moved' && record.by === name;
    if (mover.told === 'moved' && !hasMoved) return `${name} was told that it moved`;
    if (mover.told === 'refused' && hasMoved) return `${name} was told that nothing moved`;
  }
  if (!isEnd) return undefined;
  if (rows !== null && copies !== null) return 'the owner is on both shards';
  if ((rows ?? copies?.version) !== world.writes) return 'a write is lost';
  return names.every((name) => isOver(record, name)) ? undefined : 'a move is left behind';
}

const check = (changed: Partial<Protocol> = {}) => {
  const used: Protocol = { ...protocol, ...changed };
  return explore(
    start,
    (world) => [
      ...names.flatMap((name) => steps(world, name, used)),
      ...servers(world),
      ...writes(world),
      ...sweeps(world, used),
    ],
    wrong,
  );
};

const without = <Step>(all: readonly Step[], step: Step) => all.filter((one) => one !== step);

describe('a move', () => {
  it('leaves the owner whole and in one place: two movers, a writer, a sweep, what lands late, and deaths', () => {
    const result = check();
    expect(result).not.toHaveProperty('trace');
    expect(result).toHaveProperty('states');
  });

  const { completion, crossing, reversal } = protocol;
  it.each<[string, Partial<Protocol>]>([
    ['an arrival is not recorded', { crossing: without(crossing, 'record-arrival') }],
    ['the record is not locked', { crossing: without(crossing, 'lock-crossing') }],
    ['the lock is not looked at', { mayLeave: () => true }],
    ['rows stay where they were', { crossing: without(crossing, 'leave') }],
    ['a departure is not recorded', { crossing: without(crossing, 'cut-over') }],
    ['copies are left behind', { reversal: without(reversal, 'remove-copies') }],
    ['a reversed move stays', { reversal: without(reversal, 'remove-record') }],
    ['a record goes before the copies', { reversal: [...reversal].reverse() }],
    ['what cut over counts as reversed', { endingOf: () => 'reversed' }],
    ['what cut over is undone', { afterReversing: () => 'reverse' }],
    ['nobody is notified', { completion: without(completion, 'notify') }],
  ])('a fault is found: %s', (_, changed) => {
    expect(check(changed)).toHaveProperty('trace');
  });
});

describe('what is met of a move', () => {
  const met = { state: 'announced', crossing: false, ageMs: 0, fromLocator: 7 } as const;

  it('is due when its mover is taken for dead, sooner once it has only to be ended', () => {
    expect(protocol.isDue({ ...met, ageMs: moverLifeMs - 1 })).toBe(false);
    expect(protocol.isDue({ ...met, ageMs: moverLifeMs })).toBe(true);
    expect(protocol.isDue({ ...met, state: 'reversing', ageMs: finishingMs })).toBe(true);
    expect(protocol.isDue({ ...met, state: 'moved', ageMs: finishingMs - 1 })).toBe(false);
  });

  it('is due at once to who waits for its slot, unless nothing has crossed yet', () => {
    expect(protocol.isDue({ ...met, crossing: true }, 7)).toBe(true);
    expect(protocol.isDue({ ...met, state: 'moved' }, 7)).toBe(true);
    expect(protocol.isDue({ ...met, state: 'moved' }, 8)).toBe(false);
    expect(protocol.isDue({ ...met, ageMs: moverLifeMs }, 7)).toBe(false);
  });

  it('is left alone by another mover while its own is at work', () => {
    expect(protocol.onEarlier({ state: 'announced', ageMs: moverLifeMs - 1 })).toBe('at-work');
    expect(protocol.onEarlier({ state: 'reversing', ageMs: 0 })).toBe('resolve');
    expect(protocol.onEarlier({ state: 'moved', ageMs: moverLifeMs })).toBe('moved');
    expect(protocol.onEarlier(undefined)).toBe('announce');
  });
});

import { describe, expect, it } from 'vitest';
import * as protocol from '../../../src/commit/key-protocol.ts';
import { explore, type Happening } from '../../support/judges/explore.ts';

type Name = 'a' | 'b';

/** A key on record: by whom, and whether its transaction has committed. */
interface Key {
  readonly by: Name;
  readonly outcome: 'applied' | 'aborted';
  readonly isOpen: boolean;
  /** What a rollback brings back: the mark that was taken over. */
  readonly before?: Key;
}

type Attempt =
  | { readonly at: 'idle' | 'claimed' | 'asked' | 'gone' }
  | { readonly at: 'met'; readonly shard: Shard }
  | { readonly at: 'resolving'; readonly step: protocol.Resolving }
  | { readonly at: 'told'; readonly told: 'applied' | 'not-applied' | 'unknown' | 'repeated' };

type Shard = 0 | 1;
const shards = [0, 1] as const;
/** There and back. */
const mostMoves = 2;

/** Two shards, between which the owner goes; two calls with one key, the second by a repeating client. */
interface World {
  readonly keys: readonly [Key | null, Key | null];
  /** Where the owner is. */
  readonly home: Shard;
  /** Copies are on the other side: the move will cut over, or be reversed. */
  readonly isCrossing: boolean;
  /** Whether a shard has on record that the owner left: until that is forgotten also after the return. */
  readonly departures: readonly [boolean, boolean];
  readonly moves: number;
  readonly attempts: Readonly<Record<Name, Attempt>>;
  /** On which shard each attempt runs. */
  readonly where: Readonly<Record<Name, Shard>>;
  /** Who has changed the data, committed. */
  readonly effects: readonly Name[];
}

const start: World = {
  keys: [null, null],
  home: 0,
  isCrossing: false,
  departures: [false, false],
  moves: 0,
  attempts: { a: { at: 'idle' }, b: { at: 'idle' } },
  where: { a: 0, b: 0 },
  effects: [],
};

type Protocol = Pick<typeof protocol, 'afterAnswer' | 'verdictOf' | 'afterMeeting'>;

const withKey = (world: World, shard: Shard, key: Key | null): World => ({
  ...world,
  keys: shard === 0 ? [key, world.keys[1]] : [world.keys[0], key],
});
const withAttempt = (world: World, name: Name, attempt: Attempt): World => ({
  ...world,
  attempts: { ...world.attempts, [name]: attempt },
});

/** What one attempt may do next, by the rules of a server that locks keys. */
function steps(world: World, name: Name, { afterAnswer, verdictOf, afterMeeting }: Protocol) {
  const attempt = world.attempts[name];
  const shard = world.where[name];
  const key = world.keys[shard];
  const to = (what: string, next: World): Happening<World> => [`${name}: ${what}`, next];
  const told = (outcome: Extract<Attempt, { at: 'told' }>['told'], of = world) =>
    withAttempt(of, name, { at: 'told', told: outcome });
  switch (attempt.at) {
    case 'idle': {
      // Who comes later asks where the owner is by then; nobody writes while a move crosses or is tidied up.
      const here = world.home;
      if (world.isCrossing || world.departures[here]) return [];
      const placed = { ...world, where: { ...world.where, [name]: here } };
      const met = world.keys[here];
      if (met === null) {
        const own: Key = { by: name, outcome: 'applied', isOpen: true };
        return [to('claims', withAttempt(withKey(placed, here, own), name, { at: 'claimed' }))];
      }
      if (met.isOpen) return [];
      return [to('meets the key', withAttempt(placed, name, { at: 'met', shard: here }))];
    }
    case 'met': {
      if (key?.isOpen) return [];
      const next = afterMeeting(key ?? undefined);
      if (next === 'gone') return [to('starts over', withAttempt(world, name, { at: 'idle' }))];
      if (next === 'repeat') return [to('repeats', told('repeated'))];
      const own: Key = { by: name, outcome: 'applied', isOpen: true, ...(key && { before: key }) };
      return [to('takes over', withAttempt(withKey(world, shard, own), name, { at: 'claimed' }))];
    }
    case 'claimed':
      return [
        to('commits', told('applied', committed(world, name))),
        to('rolls back', told('not-applied', rolledBack(world, name))),
        to('sends COMMIT, and hears nothing', withAttempt(world, name, { at: 'asked' })),
        to('dies', withAttempt(rolledBack(world, name), name, { at: 'gone' })),
      ];
    case 'asked':
      return [
        to('asks', withAttempt(world, name, { at: 'resolving', step: protocol.firstQuestion })),
      ];
    case 'resolving': {
      const { step } = attempt;
      if ('fate' in step) {
        return [to(`is told ${step.fate}`, told(verdictOf(step.fate, true)))];
      }
      const ending = to('gives up asking', told('unknown'));
      const after = (answer: protocol.Answer, of = world) =>
        to(
          JSON.stringify(answer),
          withAttempt(of, name, { at: 'resolving', step: afterAnswer(answer, true) }),
        );
      const isLeaving = world.isCrossing && shard === world.home;
      if (step.ask === 'record') {
        // What is open is not seen yet.
        const seen = key?.isOpen ? key.before : key;
        const found = seen ? { outcome: seen.outcome, isOwn: seen.by === name } : undefined;
        return [
          ending,
          after({ to: 'record', found, hasLeft: isLeaving || world.departures[shard] }),
        ];
      }
      // A mover holds the owner's keys, and the gaps between them.
      if (key?.isOpen || isLeaving) return [ending];
      if (key !== null) return [ending, after({ to: 'mark', stands: false })];
      const mark: Key = { by: name, outcome: 'aborted', isOpen: false };
      const marked = withKey(world, shard, mark);
      const unheard = withAttempt(marked, name, { at: 'resolving', step: protocol.firstQuestion });
      return [
        ending,
        after({ to: 'mark', stands: true }, marked),
        to('marks, and asks again since it heard nothing', unheard),
      ];
    }
    default:
      return [];
  }
}

/** Who holds a key open in a transaction whose caller has no answer: the server ends it, some day. */
function servers(world: World): Happening<World>[] {
  return (['a', 'b'] as const).flatMap((name): Happening<World>[] => {
    const { at } = world.attempts[name];
    const key = world.keys[world.where[name]];
    if (at === 'idle' || at === 'claimed' || !key?.isOpen || key.by !== name) return [];
    return [
      [`the server commits ${name}`, committed(world, name)],
      [`the server loses ${name}`, rolledBack(world, name)],
    ];
  });
}

function committed(world: World, name: Name): World {
  const key = world.keys[world.where[name]];
  if (!key?.isOpen || key.by !== name) throw new Error('nothing is open');
  const done = withKey(world, world.where[name], { by: name, outcome: 'applied', isOpen: false });
  return { ...done, effects: [...world.effects, name] };
}

function rolledBack(world: World, name: Name): World {
  const shard = world.where[name];
  return withKey(world, shard, world.keys[shard]?.before ?? null);
}

/**
 * A move waits for who has the key open, or has met it: a duplicate locks what is there. It takes the key along, and can't
 * where something is in its way.
 */
function moves(world: World, clearsTheWay: boolean): Happening<World>[] {
  const { keys, home, isCrossing, departures } = world;
  const there = home === 0 ? 1 : 0;
  const key = keys[home];
  const inTheWay = keys[there];
  if (isCrossing) {
    const gone = withKey({ ...world, isCrossing: false }, home, null);
    return [
      [
        'the owner leaves',
        { ...gone, home: there, departures: marked(world, home, true), moves: world.moves + 1 },
      ],
      ['the move is reversed', withKey({ ...world, isCrossing: false }, there, null)],
    ];
  }
  if (departures[home]) {
    return [['the return is tidied up', { ...world, departures: marked(world, home, false) }]];
  }
  if (world.moves === mostMoves) return [];
  if (inTheWay !== null) {
    if (!clearsTheWay || inTheWay.isOpen || inTheWay.outcome === 'applied') return [];
    return [['a mover clears its way', withKey(world, there, null)]];
  }
  const isMet = Object.values(world.attempts).some((one) => one.at === 'met' && one.shard === home);
  if (isMet || key?.isOpen) return [];
  return [['copies arrive', { ...withKey(world, there, key), isCrossing: true }]];
}

function marked({ departures: [first, second] }: World, shard: Shard, hasLeft: boolean) {
  return shard === 0 ? ([hasLeft, second] as const) : ([first, hasLeft] as const);
}

/** Marks go when they are old; a key that was applied outlives whoever may repeat it. */
function sweeps(world: World): Happening<World>[] {
  return shards.flatMap((shard): Happening<World>[] => {
    const key = world.keys[shard];
    const isMet = Object.values(world.attempts).some(
      (one) => one.at === 'met' && one.shard === shard,
    );
    const isLocked = isMet || (world.isCrossing && shard === world.home);
    if (key?.outcome !== 'aborted' || key.isOpen || isLocked) return [];
    return [[`the sweeper forgets what is on ${shard}`, withKey(world, shard, null)]];
  });
}

function wrong(world: World, isEnd: boolean): string | undefined {
  if (world.effects.length > 1) return 'applied twice';
  for (const name of ['a', 'b'] as const) {
    const attempt = world.attempts[name];
    if (attempt.at !== 'told') continue;
    const { told } = attempt;
    const isApplied = world.effects.includes(name);
    if (told === 'applied' && !isApplied) return `${name} was told of what is not there`;
    if (told === 'repeated' && world.effects.length === 0) return `${name} repeats nothing`;
    if (told === 'not-applied' && isApplied) return `${name} was told that nothing happened`;
  }
  if (!isEnd) return undefined;
  if (world.keys.some((key) => key?.isOpen)) return 'a transaction is open for ever';
  return world.moves < mostMoves ? "the owner can't move" : undefined;
}

const check = (changed: Partial<Protocol> = {}, { clearsTheWay = true, isSwept = true } = {}) =>
  explore(
    start,
    (world) => {
      const used = { ...protocol, ...changed };
      return [
        ...steps(world, 'a', used),
        ...steps(world, 'b', used),
        ...servers(world),
        ...moves(world, clearsTheWay),
        ...(isSwept ? sweeps(world) : []),
      ];
    },
    wrong,
  );

describe('an operation under a key', () => {
  it('is applied once and told truly, in every order of two calls, a move, lost answers and deaths', () => {
    const result = check();
    expect(result).not.toHaveProperty('trace');
    expect(result).toHaveProperty('states');
  });

  it("a fault is found: the mark of who gave up is in its owner's way", () => {
    const result = check({}, { clearsTheWay: false, isSwept: false });
    expect(result).toHaveProperty('wrong', "the owner can't move");
  });

  const { afterAnswer } = protocol;
  it.each<[string, Partial<Protocol>]>([
    [
      'a mark that the key was in the way of counts',
      {
        afterAnswer: (answer, mayMove) =>
          answer.to === 'mark' && !answer.stands
            ? { fate: 'aborted' }
            : afterAnswer(answer, mayMove),
      },
    ],
    [
      'whether the owner was there is not asked',
      {
        afterAnswer: (answer, mayMove) =>
          afterAnswer(answer.to === 'record' ? { ...answer, hasLeft: false } : answer, mayMove),
      },
    ],
    [
      'a mark that stands proves something, whoever has left before',
      { afterAnswer: (answer) => afterAnswer(answer, false) },
    ],
    [
      'an owner who has left took nothing along',
      {
        afterAnswer: (answer, mayMove) =>
          answer.to === 'record' && answer.hasLeft
            ? { fate: 'aborted' }
            : afterAnswer(answer, mayMove),
      },
    ],
    [
      'what another call has recorded is taken for this one',
      {
        afterAnswer: (answer, mayMove) =>
          answer.to === 'record' && answer.found !== undefined
            ? { fate: answer.found.outcome }
            : afterAnswer(answer, mayMove),
      },
    ],
    [
      'an own mark proves something, whoever has left meanwhile',
      {
        afterAnswer: (answer, mayMove) =>
          answer.to === 'record' && answer.found?.isOwn
            ? { fate: answer.found.outcome }
            : afterAnswer(answer, mayMove),
      },
    ],
    [
      "another call's key proves something, whoever has left meanwhile",
      {
        afterAnswer: (answer, mayMove) =>
          answer.to === 'record' && answer.found?.isOwn === false
            ? { fate: 'aborted' }
            : afterAnswer(answer, mayMove),
      },
    ],
    [
      'elsewhere means nowhere',
      { verdictOf: (fate) => (fate === 'applied' ? fate : 'not-applied') },
    ],
    ['an applied key is taken over', { afterMeeting: (found) => (found ? 'take-over' : 'gone') }],
    ['an aborted key is repeated', { afterMeeting: (found) => (found ? 'repeat' : 'gone') }],
  ])('a fault is found: %s', (_, changed) => {
    expect(check(changed)).toHaveProperty('trace');
  });
});

it('a server that took over may lack what was committed, so only its yes is believed', () => {
  expect(protocol.verdictOf('applied', false)).toBe('applied');
  expect(protocol.verdictOf('aborted', false)).toBe('unknown');
  expect(protocol.verdictOf('aborted', true)).toBe('not-applied');
});

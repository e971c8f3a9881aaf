import { type DataLayer, DuplicateKeyError } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import { runChild } from '../../support/crash/child.ts';
import type { CrashPoint } from '../../support/crash/crash-point.ts';
import { type CrashingWrite, writeOf } from '../../support/crash/crashing-write.ts';
import { type ErrandEnd, runSevered } from '../../support/crash/errand.ts';
import { Life } from '../../support/crash/life.ts';
import {
  createMembers,
  directoryEntries,
  directoryKey,
  members,
  nobody,
} from '../../support/tables/members.ts';

const livesAtOnce = 3;
/** Of each kind of write, one in so many is also cut off by the death of a process. */
const livesPerProcess = 8;
/** Every point of an insert; of what else is written, half of them are enough daily. */
const isThorough = process.env.MERIDIAN_CRASH_POINTS === 'all';

let cluster: TestCluster;
let data: DataLayer<{ members: typeof members }>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createMembers(cluster);
  ({ data } = await cluster.openWith(
    { members },
    {
      redis: false,
      // Whatever is under way when this process looks counts as abandoned.
      directory: { keyspace: 'ledger', keys: [directoryKey], reservationMs: 1, sweepMs: false },
    },
  ));
});

afterAll(() => cluster.stop());

/** One write that was cut off, and what it was about. */
interface Cut {
  readonly where: string;
  readonly write: CrashingWrite;
  readonly before: Unique;
}

interface Unique {
  readonly phone: string;
  readonly handle: string;
  readonly serial: number;
}

let drawn = 0;

function newUnique(): Unique {
  drawn += 10;
  return { phone: `+${drawn}`, handle: `h${drawn}`, serial: drawn };
}

async function prepare(operation: CrashingWrite['operation'], point: CrashPoint): Promise<Cut> {
  const before = newUnique();
  const { id } = await data.members.insert({ country: 'DE', name: 'old', ...before });
  const write = {
    topology: cluster.topology(),
    key: directoryKey,
    operation,
    id,
    unique: newUnique(),
    point,
  };
  return { where: `${operation}, ${point.moment} statement ${point.statement}`, write, before };
}

/** Runs the write in a life of its own. */
function live({ write }: Cut): Promise<ErrandEnd> {
  const life = Life.begin();
  const topology = cluster.topologyOf(life);
  return runSevered(life, write.point, writeOf({ ...write, topology }));
}

const rowsLike = (text: string, params: unknown[]) =>
  Promise.all((['eu-1', 'us-1'] as const).map((shard) => cluster.sql(shard, text, params))).then(
    (rows) => rows.flat(),
  );

/** Whether the values are held, by exactly one row; they are found then, and free otherwise. */
async function isHeld({ where }: Cut, values: Partial<Unique>): Promise<boolean> {
  const found: boolean[] = [];
  for (const [column, value] of Object.entries(values)) {
    const rows = await rowsLike(`SELECT id FROM members WHERE ${column} = ?`, [value]);
    expect(rows.length, where).toBeLessThanOrEqual(1);
    const asked: { by(lookup: string, of: unknown): { get(): Promise<object | null> } } = Object(
      data.members,
    );
    const row = await asked.by(column, value).get();
    expect(row !== null, `${where}: by ${column}`).toBe(rows.length === 1);
    const taken = data.members.insert({ ...nobody, country: 'US', [column]: value });
    if (rows.length === 1) expect(await failureOf(taken), where).toBeInstanceOf(DuplicateKeyError);
    else await data.members.delete((await taken).id);
    found.push(rows.length === 1);
  }
  expect(new Set(found).size, `${where}: all or none`).toBe(1);
  return found[0] === true;
}

/** Both or neither, for each kind of write. */
async function verify(cut: Cut): Promise<void> {
  const { operation, unique } = cut.write;
  const old = await isHeld(cut, { handle: cut.before.handle, serial: cut.before.serial });
  const oldPhone = await isHeld(cut, { phone: cut.before.phone });
  const second = { phone: `${unique.phone}1` };
  switch (operation) {
    case 'insert':
      await isHeld(cut, unique);
      expect([old, oldPhone], cut.where).toEqual([true, true]);
      break;
    case 'insertMany':
      expect(await isHeld(cut, unique), cut.where).toBe(await isHeld(cut, second));
      break;
    case 'update':
      expect(await isHeld(cut, unique), cut.where).toBe(!old);
      expect(oldPhone, cut.where).toBe(old);
      break;
    case 'delete':
      expect(oldPhone, cut.where).toBe(old);
      break;
    case 'transaction': {
      const isNew = await isHeld(cut, { phone: unique.phone });
      expect(await isHeld(cut, second), cut.where).toBe(isNew);
      expect([old, oldPhone], cut.where).toEqual([true, !isNew]);
    }
  }
}

/** The directory holds an entry for each value of each row, and nothing else. */
async function verifyDirectory(): Promise<void> {
  const rows = await rowsLike('SELECT phone, handle, serial FROM members', []);
  const values = rows.flatMap((row) => Object.values(row).filter((value) => value !== null));
  const entries = await directoryEntries(cluster);
  expect(entries.filter(({ state }) => state !== 'confirmed')).toEqual([]);
  expect(entries).toHaveLength(values.length);
}

it.each(['insert', 'insertMany', 'update', 'delete', 'transaction'] as const)(
  'a writer that dies at any statement of %s leaves both or neither',
  async (operation) => {
    const whole = await prepare(operation, { statement: 0, moment: 'before' });
    const { statements } = await live(whole);
    expect(statements).toBeGreaterThanOrEqual(7);
    const cuts: Cut[] = [];
    // Values that share a shard share statements: other values may need a few more.
    for (let statement = 1; statement <= statements + 4; statement++) {
      const isWhole = isThorough || operation === 'insert';
      const moments = isWhole ? (['before', 'after'] as const) : (['before'] as const);
      for (const moment of moments) cuts.push(await prepare(operation, { statement, moment }));
    }
    const waiting = [...cuts.entries()];
    let died = 0;
    const worker = async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const [index, cut] = next;
        const isProcess = index % livesPerProcess === livesPerProcess / 2;
        const end = isProcess
          ? await runChild('write-and-die.ts', cut.write)
          : (await live(cut)).end;
        if (end === 'died') died++;
      }
    };
    await Promise.all(Array.from({ length: livesAtOnce }, worker));
    expect(died).toBeGreaterThanOrEqual(operation === 'insert' ? 2 * 7 : 7);
    expect(died).toBeLessThan(cuts.length);
    const { applied, aborted, pending } = await data.directory.sweep();
    expect(applied).toBeGreaterThan(0);
    expect(aborted).toBeGreaterThan(0);
    expect(pending).toBe(0);
    await verifyDirectory();
    for (const cut of [...cuts, whole]) await verify(cut);
    await verifyDirectory();
  },
  300_000,
);

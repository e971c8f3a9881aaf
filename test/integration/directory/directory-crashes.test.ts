import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type DataLayer, DuplicateKeyError } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import type { CrashingWrite } from '../../support/crashing-write.ts';
import {
  createMembers,
  directoryEntries,
  directoryKey,
  members,
  nobody,
} from '../../support/members.ts';
import { programFile } from '../../support/programs.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));
const script = `${root}/test/support/crashing-write.ts`;
const processesAtOnce = 3;
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

/** Runs the write in a process of its own; resolves with what it printed, if it lived. */
async function inProcess(write: CrashingWrite): Promise<string | undefined> {
  const args = [await programFile(script), JSON.stringify(write)];
  return run(process.execPath, args, { cwd: root }).then(
    ({ stdout }) => stdout,
    (error: { signal?: string }) => {
      if (error.signal === 'SIGKILL') return undefined;
      throw error;
    },
  );
}

async function prepare(
  operation: CrashingWrite['operation'],
  step: number,
  at: CrashingWrite['at'],
): Promise<Cut> {
  const before = newUnique();
  const { id } = await data.members.insert({ country: 'DE', name: 'old', ...before });
  const write = {
    topology: cluster.topology(),
    key: directoryKey,
    operation,
    id,
    unique: newUnique(),
    step,
    at,
  };
  return { where: `${operation}, ${at} statement ${step}`, write, before };
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
  'a process that dies at any statement of %s leaves both or neither',
  async (operation) => {
    const whole = await prepare(operation, 0, 'before');
    const statements = Number(await inProcess(whole.write));
    expect(statements).toBeGreaterThanOrEqual(7);
    const cuts: Cut[] = [];
    // Values that share a shard share statements: other values may need a few more.
    for (let step = 1; step <= statements + 4; step++) {
      const isWhole = isThorough || operation === 'insert';
      const moments = isWhole ? (['before', 'after'] as const) : (['before'] as const);
      for (const at of moments) cuts.push(await prepare(operation, step, at));
    }
    const waiting = [...cuts];
    let killed = 0;
    const worker = async () => {
      for (let cut = waiting.pop(); cut !== undefined; cut = waiting.pop()) {
        if ((await inProcess(cut.write)) === undefined) killed++;
      }
    };
    await Promise.all(Array.from({ length: processesAtOnce }, worker));
    expect(killed).toBeGreaterThanOrEqual(operation === 'insert' ? 2 * 7 : 7);
    expect(killed).toBeLessThan(cuts.length);
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

/**
 * A process of its own that does one write of a member and kills itself at one of its statements,
 * so that neither it nor the driver can tidy up.
 */
import { createDataLayer } from 'meridian';
import mysql from 'mysql2';
import { members } from './members.ts';

/** What the process is told by its one argument, as JSON. */
export interface CrashingWrite {
  readonly topology: Parameters<typeof createDataLayer>[0]['topology'];
  readonly key: string;
  readonly operation: 'insert' | 'insertMany' | 'update' | 'delete' | 'transaction';
  /** The row that is there already. */
  readonly id: string;
  /** What is unique about the row that is written. */
  readonly unique: { readonly phone: string; readonly handle: string; readonly serial: number };
  /** Which statement is the last, from 1 on. 0: none, and their number is printed. */
  readonly step: number;
  /** Whether that statement is still sent and answered. */
  readonly at: 'before' | 'after';
}

type Run = (this: unknown, ...given: unknown[]) => unknown;

const { topology, key, operation, id, unique, step, at }: CrashingWrite = JSON.parse(
  process.argv[2] ?? '',
);
let counting = false;
let statements = 0;

/** Counts what the driver is given to send, and dies at the step. */
function countCalls(owner: object, method: 'query' | 'execute'): void {
  const send: Run = Reflect.get(owner, method);
  const counted: Run = function (...given) {
    if (!counting || ++statements !== step) return send.apply(this, given);
    if (at === 'before') process.kill(process.pid, 'SIGKILL');
    const last = given.length - 1;
    given[last] = () => process.kill(process.pid, 'SIGKILL');
    return send.apply(this, given);
  };
  Reflect.set(owner, method, counted);
}

/** The prototype in whose hands the statements of a pool's connections are. */
function ownerOf(method: string): object {
  let owner: object = Reflect.get(mysql, 'PoolConnection').prototype;
  while (!Object.hasOwn(owner, method)) owner = Object.getPrototypeOf(owner);
  return owner;
}

countCalls(ownerOf('query'), 'query');
countCalls(ownerOf('execute'), 'execute');
const data = await createDataLayer({
  topology,
  tables: { members },
  redis: false,
  logger: false,
  directory: { keyspace: 'ledger', keys: [key], sweepMs: false },
});
counting = true;
const row = { country: 'DE', name: 'new', ...unique };
const second = { ...row, phone: `${unique.phone}1`, handle: null, serial: null };
switch (operation) {
  case 'insert':
    await data.members.insert(row);
    break;
  case 'insertMany':
    await data.members.insertMany([row, second]);
    break;
  case 'update':
    await data.members.update(id, { ...unique, name: 'new' });
    break;
  case 'delete':
    await data.members.delete(id);
    break;
  case 'transaction':
    await data.members.at(id).transaction(async (trx) => {
      await trx.members.update(id, { phone: unique.phone, name: 'new' });
      await trx.members.insert({ ...second, name: 'second' });
    });
}
counting = false;
console.log(statements);
await data.close();

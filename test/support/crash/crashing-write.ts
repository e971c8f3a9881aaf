import { createDataLayer, type DataLayer } from 'meridian';
import { members } from '../tables/members.ts';
import type { CrashPoint } from './crash-point.ts';
import type { Errand } from './errand.ts';

/** One write of a member, by a writer that dies at one of its statements. */
export interface CrashingWrite {
  readonly topology: Parameters<typeof createDataLayer>[0]['topology'];
  readonly key: string;
  readonly operation: 'insert' | 'insertMany' | 'update' | 'delete' | 'transaction';
  /** The row that is there already. */
  readonly id: string;
  /** What is unique about the row that is written. */
  readonly unique: { readonly phone: string; readonly handle: string; readonly serial: number };
  readonly point: CrashPoint;
}

type Data = DataLayer<{ members: typeof members }>;

export const writeOf = (write: CrashingWrite): Errand<Data> => ({
  open: () =>
    createDataLayer({
      topology: write.topology,
      tables: { members },
      redis: false,
      logger: false,
      directory: { keyspace: 'ledger', keys: [write.key], sweepMs: false },
    }),
  run: (data) => writeTo(data, write),
});

function writeTo(data: Data, { operation, id, unique }: CrashingWrite): Promise<unknown> {
  const row = { country: 'DE', name: 'new', ...unique };
  const second = { ...row, phone: `${unique.phone}1`, handle: null, serial: null };
  switch (operation) {
    case 'insert':
      return data.members.insert(row);
    case 'insertMany':
      return data.members.insertMany([row, second]);
    case 'update':
      return data.members.update(id, { ...unique, name: 'new' });
    case 'delete':
      return data.members.delete(id);
    case 'transaction':
      return data.members.at(id).transaction(async (trx) => {
        await trx.members.update(id, { phone: unique.phone, name: 'new' });
        await trx.members.insert({ ...second, name: 'second' });
      });
  }
}

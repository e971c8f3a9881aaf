import { createDataLayer, type DataLayer } from 'meridian';
import { group } from '../tables/groups.ts';
import type { CrashPoint } from './crash-point.ts';
import type { Errand } from './errand.ts';
import { patient, relocatePatiently } from './patience.ts';

/** A relocation of one owner, by a mover that dies on the way. */
export interface DeadlyMove {
  readonly topology: Parameters<typeof createDataLayer>[0]['topology'];
  readonly redis: string;
  readonly owner: string;
  readonly country: string;
  readonly point: CrashPoint;
}

export const moveOf = ({
  topology,
  redis,
  owner,
  country,
}: DeadlyMove): Errand<DataLayer<typeof group>> => ({
  open: () => createDataLayer({ topology, region: 'eu', tables: group, redis, logger: false }),
  run: (data) => relocatePatiently(() => data.users.relocate(owner, { country }, patient)),
});

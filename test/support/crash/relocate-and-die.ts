import { createDataLayer } from 'meridian';
import { group } from '../groups.ts';
import { type KillPoint, killAt } from './kill-at.ts';
import { patient, relocatePatiently } from './patience.ts';

/** What the process is told: a process of its own that relocates one owner and dies on the way. */
export interface DeadlyMove {
  readonly topology: Parameters<typeof createDataLayer>[0]['topology'];
  readonly redis: string;
  readonly owner: string;
  readonly country: string;
  readonly point: KillPoint;
}

const { topology, redis, owner, country, point }: DeadlyMove = JSON.parse(process.argv[2] ?? '{}');

killAt(point);
const data = await createDataLayer({
  topology,
  region: 'eu',
  tables: group,
  redis,
  logger: false,
});
await relocatePatiently(() => data.users.relocate(owner, { country }, patient));
await data.close();

import { createDataLayer } from 'meridian';
import { group } from '../groups.ts';
import { killAt } from './kill-at.ts';

// A process of its own: relocates one owner and dies on the way, where its parent says.
const { topology, redis, owner, country, point } = JSON.parse(process.argv[2] ?? '{}');

killAt(point);
const data = await createDataLayer({
  topology,
  region: 'eu',
  tables: group,
  redis,
  logger: false,
});
await data.users.relocate(owner, { country });
await data.close();

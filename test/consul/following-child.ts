/** A process with a data layer that follows Consul, and says at which epoch and revision it is. */
import { createDataLayer } from 'meridian';
import { type ConsulTopologyOptions, consulTopology } from 'meridian/consul';

/** What a child says: where it is, and when it was there, on the clock of the machine. */
export interface Position {
  readonly epoch: number;
  readonly revision: number;
  readonly added: readonly string[];
  readonly atMs: number;
}

const options: ConsulTopologyOptions = JSON.parse(process.argv[2] ?? '{}');
const say = (position: Omit<Position, 'atMs'>) =>
  process.send?.({ ...position, atMs: performance.timeOrigin + performance.now() });

const data = await createDataLayer({
  topology: consulTopology(options),
  tables: {},
  redis: false,
  systemTables: 'create',
  logger: false,
  observers: [(event) => void (event.type === 'topology' && say(event))],
});
process.once('disconnect', () => void data.close());
say({ ...data.topology(), added: [] });

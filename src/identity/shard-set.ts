import { createHash } from 'node:crypto';
import type { Topology } from '../topology/topology.ts';

/** The fact that says which shards reference tables are on, by the newest topology that was in use. */
export const shardSetFact = 'reference/shards';

/** Sixteen hexadecimal digits that stand for the names of all shards of a topology. */
export function shardSetOf({ shards }: Topology): string {
  const names = [...shards.keys()].sort();
  return createHash('sha256').update(JSON.stringify(names)).digest('hex').slice(0, 16);
}

/** Whether the list on record, if any, is the one of a topology. */
export function isShardSetOf(topology: Topology, recorded: string | undefined): boolean {
  return recorded === undefined || parse(recorded).shards === shardSetOf(topology);
}

/** Whether a declared list takes the place of a recorded one; undefined: the two can't both be. */
export function isNewerList(recorded: string, declared: string): boolean | undefined {
  const [was, is] = [parse(recorded), parse(declared)];
  if (is.epoch > was.epoch) return true;
  return is.shards === was.shards ? false : undefined;
}

function parse(list: string): { readonly epoch: number; readonly shards: string } {
  const [epoch, shards = ''] = list.split(' ');
  return { epoch: Number(epoch), shards };
}

import type { RedisServer } from '../runners/server.ts';
import { askRedis } from './redis-dialog.ts';

/** Hash slots of a Redis Cluster. */
export const slotCount = 16_384;

/** One node as another sees it: a line of `CLUSTER NODES`. */
export interface ClusterNode {
  readonly id: string;
  readonly port: number;
  readonly busPort: number;
  readonly flags: readonly string[];
  /** The id of the node that it follows; `-` of a master. */
  readonly follows: string;
  readonly epoch: number;
  readonly linked: boolean;
  /** First and last slot of each range that it owns. */
  readonly ranges: readonly (readonly [number, number])[];
}

/** @throws TestingError when the server does not answer. */
export async function nodesSeenBy(server: RedisServer): Promise<ClusterNode[]> {
  const reply = await askRedis(server, 'CLUSTER', 'NODES');
  return String(reply).split('\n').filter(Boolean).map(nodeOf);
}

export function owns({ ranges }: ClusterNode, slot: number): boolean {
  return ranges.some(([first, last]) => first <= slot && slot <= last);
}

function nodeOf(line: string): ClusterNode {
  const [id = '', address = '', flags = '', follows = '', , , epoch, link, ...slots] =
    line.split(' ');
  const [, port, busPort] = /:(\d+)@(\d+)/.exec(address) ?? [];
  return {
    id,
    port: Number(port),
    busPort: Number(busPort),
    flags: flags.split(','),
    follows,
    epoch: Number(epoch),
    linked: link === 'connected',
    // A slot on its way to another node stands in brackets, and is in a range of its owner too.
    ranges: slots.filter((range) => !range.startsWith('[')).map(rangeOf),
  };
}

function rangeOf(text: string): readonly [number, number] {
  const [first, last = first] = text.split('-');
  return [Number(first), Number(last)];
}

import type { Topology } from './topology.ts';

/** What follows from a snapshot, worked out once for the one that was asked of last. */
export function perSnapshot<T>(work: (topology: Topology) => T): (topology: Topology) => T {
  let known: { readonly topology: Topology; readonly value: T } | undefined;
  return (topology) => {
    if (known?.topology !== topology) known = { topology, value: work(topology) };
    return known.value;
  };
}

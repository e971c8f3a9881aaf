import type { Topology } from './topology.ts';

/** Holds the snapshot in force. A call takes it once and keeps it to its end. */
export class TopologyStore {
  #current: Topology;

  constructor(initial: Topology) {
    this.#current = initial;
  }

  get current(): Topology {
    return this.#current;
  }

  /** From now on calls begin on this one; those under way keep theirs. */
  replace(next: Topology): void {
    this.#current = next;
  }
}

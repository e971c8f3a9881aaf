import type { Topology } from './topology.ts';

/** Holds the snapshot in force. A call takes it once and keeps it to its end. */
export class TopologyStore {
  /** The name of the source whose documents they are. */
  readonly source: string;
  #current: Topology;

  constructor(initial: Topology, source: string) {
    this.#current = initial;
    this.source = source;
  }

  get current(): Topology {
    return this.#current;
  }

  /** From now on calls begin on this one; those under way keep theirs. */
  replace(next: Topology): void {
    this.#current = next;
  }
}

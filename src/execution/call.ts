import type { CallMeter } from '../observability/call-meter.ts';
import type { Priority } from '../resilience/admission/priority.ts';
import { Deadline } from '../resilience/time/deadline.ts';
import type { Topology } from '../topology/topology.ts';

/**
 * What all of a call has in common: how long it may take, and the snapshot of the topology that was in force
 * when it began, which it keeps to its end. Sweeps and the start of a data layer are calls as well.
 */
export class Call extends Deadline {
  readonly topology: Topology;

  /** @param timeoutMs as for {@link Deadline}. */
  constructor(
    topology: Topology,
    timeoutMs: number,
    signal?: AbortSignal,
    priority?: Priority,
    meter?: CallMeter,
  ) {
    super(timeoutMs, signal, priority, meter);
    this.topology = topology;
  }

  override part(timeoutMs: number): Call {
    return new Call(this.topology, timeoutMs, undefined, this.priority, this.meter);
  }
}

import { type ChaosProxy, startChaosProxy } from 'meridian/testing';
import type { SeededRandom } from '../../support/seeded-random.ts';
import type { RedisLanes } from '../worker/plan.ts';
import type { Fault } from './fault.ts';

/** The two ways between one worker and Redis, each through a proxy of its own. */
export class Lanes {
  readonly worker: string;
  readonly redis: RedisLanes;
  readonly commands: ChaosProxy;
  readonly listening: ChaosProxy;

  private constructor(worker: string, url: string, commands: ChaosProxy, listening: ChaosProxy) {
    this.worker = worker;
    this.commands = commands;
    this.listening = listening;
    this.redis = {
      kind: 'lanes',
      commands: commands.urlFor(url),
      listening: listening.urlFor(url),
    };
  }

  static async open(worker: string, url: string): Promise<Lanes> {
    const [commands, listening] = await Promise.all([
      startChaosProxy({ target: url }),
      startChaosProxy({ target: url }),
    ]);
    return new Lanes(worker, url, commands, listening);
  }

  async close(): Promise<void> {
    await Promise.all([this.commands.close(), this.listening.close()]);
  }

  /** One way or both. */
  some(random: SeededRandom): { name: string; proxies: ChaosProxy[] } {
    const [name, proxies] = random.pick([
      ['commands', [this.commands]],
      ['listening', [this.listening]],
      ['commands and listening', [this.commands, this.listening]],
    ] as const);
    return { name: `${name} of ${this.worker}`, proxies: [...proxies] };
  }
}

/** What a network may do to a worker, one or both of its ways. */
export function networkFaults(all: readonly Lanes[]): Fault[] {
  return [
    {
      name: 'connections cut',
      subject: 'network',
      strike: async (random) => {
        const { name, proxies } = random.pick(all).some(random);
        for (const proxy of proxies) proxy.reset();
        return { what: `${name} cut` };
      },
    },
    {
      name: 'packets lost',
      subject: 'network',
      strike: async (random) => {
        const { name, proxies } = random.pick(all).some(random);
        const faults = proxies.map((proxy) => proxy.blackHole());
        return {
          what: `${name} in a black hole`,
          mend: async () => faults.forEach((fault) => void fault.undo()),
        };
      },
    },
    {
      name: 'packets late',
      subject: 'network',
      strike: async (random) => {
        const { name, proxies } = random.pick(all).some(random);
        const ms = Math.round(random.between(5, 150));
        const faults = proxies.map((proxy) => proxy.latency(ms, ms / 2));
        return {
          what: `${name} ${ms} ms late`,
          mend: async () => faults.forEach((fault) => void fault.undo()),
        };
      },
    },
    {
      name: 'connections refused',
      subject: 'network',
      strike: async (random) => {
        const { name, proxies } = random.pick(all).some(random);
        const faults = proxies.map((proxy) => proxy.refuse());
        for (const proxy of proxies) proxy.reset();
        return {
          what: `${name} refused`,
          mend: async () => faults.forEach((fault) => void fault.undo()),
        };
      },
    },
  ];
}

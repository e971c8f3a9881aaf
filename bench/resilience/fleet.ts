import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { startService } from './load.ts';
import type { ServiceOrder } from './orders.ts';

interface Instance {
  readonly socket: Socket;
  readonly stop: () => void;
}

/** Instances of the service, which are asked in turns. */
export class Fleet {
  readonly #instances: readonly Instance[];
  readonly #asked = new Map<string, (status: string) => void>();
  #number = 0;

  private constructor(instances: readonly Instance[]) {
    this.#instances = instances;
    for (const { socket } of instances) {
      createInterface({ input: socket }).on('line', (line) => {
        const [number = '', status = ''] = line.split(' ');
        this.#asked.get(number)?.(status);
        this.#asked.delete(number);
      });
    }
  }

  static async start(instances: number, url: string): Promise<Fleet> {
    const order: ServiceOrder = { kind: 'meridian', urls: [url], timeoutMs: 1_000 };
    const started: Instance[] = [];
    for (let instance = 0; instance < instances; instance++) {
      const { port, stop } = await startService(order);
      const socket = connect({ host: '127.0.0.1', port, noDelay: true });
      await once(socket, 'connect');
      started.push({ socket, stop });
    }
    return new Fleet(started);
  }

  ask(): Promise<void> {
    const number = `${this.#number++}`;
    const instance = this.#instances[this.#number % this.#instances.length];
    instance?.socket.write(`${number} 0\n`);
    return new Promise((resolve, reject) => {
      this.#asked.set(number, (status) => {
        if (status === 'ok') resolve();
        else reject(new Error(status));
      });
    });
  }

  stop(): void {
    for (const { socket, stop } of this.#instances) {
      socket.destroy();
      stop();
    }
  }
}

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { ConfigError, createDataLayer, defineTable } from 'meridian';
import { expect } from 'vitest';
import { z } from 'zod';

const password = 'hunter2';

/** Options that are right, for tests that spoil them, before a server that counts its callers. */
export class RefusedOptions {
  readonly #port: number;
  readonly #close: () => void;
  readonly #calls: () => number;

  private constructor(port: number, close: () => void, calls: () => number) {
    this.#port = port;
    this.#close = close;
    this.#calls = calls;
  }

  static async listen(): Promise<RefusedOptions> {
    let calls = 0;
    const server = createServer((socket) => {
      calls++;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return new RefusedOptions(
      port,
      () => server.close(),
      () => calls,
    );
  }

  close(): void {
    this.#close();
  }

  url(database: string): string {
    return `mysql://app:${password}@127.0.0.1:${this.#port}/${database}`;
  }

  good(): Record<string, unknown> {
    return {
      topology: {
        epoch: 1,
        regions: {
          eu: { code: 1, location: [50, 8], countries: ['DE'] },
          us: { code: 2, location: [39, -77], countries: ['US'] },
        },
        shards: {
          'eu-1': { region: 'eu', primary: this.url('eu1') },
          'us-1': { region: 'us', primary: this.url('us1') },
          'tx-1': { region: 'eu', primary: this.url('tx1') },
          'tx-2': { region: 'us', primary: this.url('tx2') },
        },
        keyspaces: {
          people: { code: 1, strategy: 'geo', shards: ['eu-1', 'us-1'] },
          ledger: { code: 2, strategy: 'hash', shards: ['tx-1', 'tx-2'] },
        },
      },
      tables: {
        transactions: {
          ...defineTable({
            name: 'transactions',
            keyspace: 'ledger',
            primaryKey: 'id',
            schema: z.object({ id: z.uuid(), cents: z.bigint() }),
          }),
        },
      },
      redis: false,
      logger: false,
    };
  }

  /** The options with other values at some places: `{ 'topology/shards/tx-1/weight': 0 }`. */
  spoilt(changes: Record<string, unknown>): Record<string, unknown> {
    const options = this.good();
    for (const [path, value] of Object.entries(changes)) {
      const keys = path.split('/');
      const last = keys.pop() ?? '';
      const parent = keys.reduce<unknown>((node, key) => Reflect.get(Object(node), key), options);
      Object.assign(Object(parent), { [last]: value });
    }
    return options;
  }

  /** The ConfigError that options are refused with, which opened no connection and tells no secret. */
  async refusal(options: unknown): Promise<ConfigError> {
    const before = this.#calls();
    const error = await createDataLayer(options as Parameters<typeof createDataLayer>[0]).then(
      () => new Error('it started'),
      (reason: unknown) => reason,
    );
    if (!(error instanceof ConfigError)) throw error;
    expect(this.#calls()).toBe(before);
    expect(error.message).not.toContain(password);
    expect(JSON.stringify(error)).not.toContain(password);
    return error;
  }
}

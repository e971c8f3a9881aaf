import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { createDataLayer, type DataLayer } from 'meridian';
import { tables } from './tables.ts';

/** The token by which the data layer is injected. */
export const DATA = Symbol('data');
export type Data = DataLayer<typeof tables>;

@Global()
@Module({
  providers: [
    {
      provide: DATA,
      useFactory: () =>
        createDataLayer({
          topology: 'topology.json',
          region: process.env.REGION ?? 'eu',
          tables,
          redis: process.env.REDIS_URL ?? false,
          systemTables: 'create', // 'verify' in production
          startup: 'lazy', // the outage of one shard is not the outage of all
        }),
    },
  ],
  exports: [DATA],
})
export class DataModule implements OnApplicationShutdown {
  readonly #data: Data;

  constructor(@Inject(DATA) data: Data) {
    this.#data = data;
  }

  /** Runs once the server takes no requests any more. */
  async onApplicationShutdown(): Promise<void> {
    await this.#data.close({ timeoutMs: 8_000 });
  }
}

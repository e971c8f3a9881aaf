/**
 * What the examples of docstrings may name without declaring it. Nothing of it runs: `scripts/examples.mjs`
 * compiles each example with this and with the package's doors.
 */
import type { ServerResponse } from 'node:http';
import {
  type DataLayer,
  type DataLayerOptions,
  defineTable,
  type NewRow,
  type TopologyDocument,
  type Transaction,
} from 'meridian';
import type { Cache } from 'meridian/cache';
import type { LoadSample, LoadTrace, Scaler, TraceScore } from 'meridian/scaling';
import type { ChaosProxy, LocalCluster, MysqlServer } from 'meridian/testing';
import type { Logger } from 'pino';
import { z } from 'zod';

export { writeFile } from 'node:fs/promises';
export { z };

export const users = defineTable({
  name: 'users',
  keyspace: 'people',
  primaryKey: 'id',
  place: (user) => ({ country: user.country }),
  schema: z.object({
    id: z.uuid(),
    country: z.string().length(2),
    name: z.string(),
    email: z.string().nullable().default(null),
  }),
  columns: { id: 'uuid-binary' },
  lookups: { email: { unique: true } },
});
export const addresses = defineTable({
  name: 'addresses',
  group: users,
  ownerKey: 'user_id',
  primaryKey: 'id',
  schema: z.object({ id: z.uuid(), user_id: z.uuid(), city: z.string() }),
});
export const payments = defineTable({
  name: 'payments',
  keyspace: 'ledger',
  primaryKey: 'id',
  shardKey: 'account',
  schema: z.object({ id: z.uuid(), account: z.uuid(), cents: z.bigint() }),
});
export const currencies = defineTable({
  name: 'currencies',
  reference: true,
  primaryKey: 'code',
  schema: z.object({ code: z.string().length(3), digits: z.int() }),
});
export const tables = { users, addresses, payments, currencies };

export declare const options: DataLayerOptions<typeof tables>;
export declare const document: TopologyDocument;
export declare const data: DataLayer<typeof tables>;
export declare const id: string;
export declare const ids: readonly string[];
export declare const account: string;
export declare const newUsers: readonly NewRow<typeof users>[];
export declare const idempotencyKey: string;
export declare function pay(trx: Transaction<'ledger', typeof tables>): Promise<void>;

export declare const error: unknown;
export declare const signal: AbortSignal;
export declare const log: Logger;
export declare const request: Request;
export declare const response: ServerResponse;
export declare function send(row: unknown): Promise<void>;
export declare function scheduleAgain(): void;
export declare const isPayment: boolean;
export declare function secretOf(shard: string): Promise<string>;
export declare function readToken(): string;
export declare function traceId(): string;
export declare function fetchTopology(signal?: AbortSignal): Promise<unknown>;

export declare const prices: Cache<number>;
export declare const lastPrice: number;
export declare function fetchPrice(call: { readonly signal: AbortSignal }): Promise<number>;

export declare const lastWeeks: readonly LoadSample[];
export declare const scaler: Scaler;
export declare const trace: LoadTrace;
export declare const score: TraceScore;
export declare function callService(signal: AbortSignal): Promise<unknown>;

export declare const cluster: LocalCluster<'eu-1' | 'us-1'>;
export declare const server: MysqlServer;
export declare const proxy: ChaosProxy;

import { type DataLayer, defineTable } from 'meridian';
import { z } from 'zod';
import { roles } from '../platform/caller.ts';

export const users = defineTable({
  name: 'users',
  keyspace: 'people',
  primaryKey: 'id',
  place: ({ country }) => ({ country }),
  schema: z.object({
    id: z.uuid(),
    country: z.string().length(2),
    phone: z.e164(),
    name: z.string().min(1).max(100),
    role: z.enum(roles),
  }),
  lookups: { phone: { unique: true } },
  cache: { ttlMs: 60_000, staleMs: 600_000 },
});

/** Never cached, so that no password's hash is ever in Redis. */
export const credentials = defineTable({
  name: 'credentials',
  group: users,
  ownerKey: 'user_id',
  primaryKey: 'user_id',
  schema: z.object({ user_id: z.uuid(), password: z.string() }),
});

/** Somebody who is logged in on one device. `secret` names the only refresh token that counts. */
export const sessions = defineTable({
  name: 'sessions',
  group: users,
  ownerKey: 'user_id',
  primaryKey: 'id',
  schema: z.object({ id: z.uuid(), user_id: z.uuid(), secret: z.string(), expires_at: z.date() }),
});

export const tables = { users, credentials, sessions };
export type Data = DataLayer<typeof tables>;

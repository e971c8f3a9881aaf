import { defineTable } from 'meridian';
import { z } from 'zod';

export const users = defineTable({
  name: 'users',
  keyspace: 'people',
  primaryKey: 'id',
  place: (user) => ({ country: user.country }),
  schema: z.object({
    id: z.uuid(),
    country: z.string().length(2),
    name: z.string().min(1).max(200),
  }),
  columns: { id: 'uuid-binary' },
  cache: { ttlMs: 60_000 },
});

export const tables = { users };

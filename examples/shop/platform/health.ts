import { z } from 'zod';
import type { Service } from './service.ts';

/** What of a data layer says how it is. */
interface Watched {
  health(): { readonly ready: boolean };
  topology(): { readonly epoch: number };
}

/** For who sends requests, and for who changes the topology: whether to send any, and which epoch it is on. */
export function addHealth(app: Service, data: Watched): void {
  const open = { config: { open: true }, schema: { querystring: z.object({}) } };
  app.get('/health', open, async () => ({
    ready: data.health().ready,
    epoch: data.topology().epoch,
  }));
}

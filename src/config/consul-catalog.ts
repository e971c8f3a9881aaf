import { z } from 'zod';

/** What is read of an instance in `/v1/health/service/…`; the rest of the answer is ignored. */
const instance = z.object({
  Node: z.object({ Address: z.string().default('') }).prefault({}),
  Service: z.object({
    ID: z.string().default(''),
    Address: z.string().default(''),
    Port: z.int().min(1).max(65_535),
    Tags: z.array(z.string()).nullish(),
    Meta: z.record(z.string(), z.string()).nullish(),
  }),
});

export type CatalogInstance = z.output<typeof instance>;

/** The instances of a service. Undefined: it is no answer of Consul's. One that has no port, say, is left out. */
export function readCatalog(text: string): readonly CatalogInstance[] | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(answer)) return undefined;
  return answer.flatMap((one: unknown) => instance.safeParse(one).data ?? []);
}

/** What is put together with the catalog; everything else of a document is handed on. */
const placed = z.looseObject({
  revision: z.int().min(0).default(0),
  regions: z.record(z.string(), z.unknown()),
  shards: z.record(z.string(), z.looseObject({ primary: z.string() })),
});

export type PlacedDocument = z.output<typeof placed>;

/** Undefined: it is no topology, which whoever takes it says with all that is wrong. */
export function readPlaced(document: unknown): PlacedDocument | undefined {
  return placed.safeParse(document).data;
}

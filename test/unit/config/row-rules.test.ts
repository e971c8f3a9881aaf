import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { RefusedOptions } from '../../support/judges/refusal.ts';

let refused: RefusedOptions;

beforeAll(async () => {
  refused = await RefusedOptions.listen();
});

afterAll(() => refused.close());

const columns = z.object({ id: z.uuid(), cents: z.bigint() });
const rules: [name: string, schema: z.ZodType][] = [
  ['refine', columns.refine(({ cents }) => cents > 0n)],
  ['superRefine', columns.superRefine(() => {})],
  ['check', columns.check(() => {})],
];

it.each(rules)('a rule for the whole row is refused at start: %s', async (_, schema) => {
  const { problems } = await refused.refusal(
    refused.spoilt({ 'tables/transactions/schema': schema }),
  );
  expect(problems).toEqual([
    {
      path: 'tables.transactions.schema',
      message: expect.stringMatching(/rule for the whole row/),
    },
  ]);
});

import { defineTable } from 'meridian';
import { expect, it } from 'vitest';
import { z } from 'zod';
import type { Problem } from '../../../../src/errors/config-error.ts';
import { planReference } from '../../../../src/rows/schema/table-plan.ts';

it.each(['constructor', 'toString', 'valueOf', 'hasOwnProperty'])(
  'a column may be named %s',
  (column) => {
    const table = defineTable({
      name: 'odd',
      reference: true,
      primaryKey: 'id',
      schema: z.object({ id: z.string(), [column]: z.string() }),
    });
    const problems: Problem[] = [];
    const plan = planReference('odd', table, problems);
    expect(problems).toEqual([]);
    expect(plan?.columns.get(column)).toMatchObject({ kind: 'string', storedAs: 'string' });
  },
);

import { AsyncLocalStorage } from 'node:async_hooks';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AbortedError, TimeoutError } from '../../../src/errors/call-error.ts';
import { StatementError } from '../../../src/errors/database-error.ts';
import { ReadBatcher } from '../../../src/execution/batches/read-batcher.ts';
import type { RawRow, SqlValue, Statement, StatementResult } from '../../../src/mysql/sql/sql.ts';
import { Deadline } from '../../../src/resilience/time/deadline.ts';
import { settled } from '../../support/calls.ts';
import { endpointOf } from '../../support/endpoints.ts';
import { lonelyShard } from '../../support/topologies.ts';

const shard = lonelyShard('one');

/** What a statement finds, or how the server refuses it: by its keys alone, one or many. */
function answerOf(keys: readonly SqlValue[]): StatementResult {
  if (keys.some((key) => String(key).startsWith('bad'))) throw new StatementError('refused');
  return {
    rows: keys.filter((key) => !String(key).startsWith('absent')).map((id) => ({ id })),
    columns: [],
    affected: 0,
    insertId: undefined,
    isCounted: false,
    gtid: undefined,
  };
}

/** Answers each statement after a number of turns of the loop, or never. */
function server(turns: readonly number[]) {
  let statements = 0;
  const stuck = new Set<SqlValue>();
  return {
    stuck,
    async runStatement(_: unknown, { params }: Statement, __: unknown, deadline: Deadline) {
      const wait = turns[statements++ % turns.length] ?? 0;
      if (wait < 0) {
        for (const key of params) stuck.add(key);
        return deadline.race(new Promise<StatementResult>(() => {}));
      }
      for (let turn = 0; turn < wait; turn++) await settled();
      if (deadline.reason !== undefined) throw deadline.reason;
      return answerOf(params);
    },
  };
}

const key = fc
  .tuple(fc.constantFrom('row', 'row', 'row', 'absent', 'bad'), fc.nat(20))
  .map((parts) => parts.join('-'));

/** A call: for one key or several, after so many turns, with a time limit or an abort after so many turns. */
const call = fc.record({
  keys: fc.array(key, { minLength: 1, maxLength: 9 }),
  after: fc.nat(3),
  abortAfter: fc.option(fc.nat(6), { nil: undefined, freq: 4 }),
  timeoutMs: fc.constantFrom(1_000, 1_000, 1_000, 12),
});

type Outcome = { readonly found: readonly (RawRow | null)[] } | { readonly error: unknown };

/** What a call gets that has the server for itself. */
function alone(keys: readonly string[]): Outcome {
  try {
    const { rows } = answerOf(keys);
    return { found: keys.map((one) => rows.find(({ id }) => id === one) ?? null) };
  } catch (error) {
    return { error };
  }
}

it('each caller gets what it would get alone: its rows or its error, in its time, in its context', async () => {
  const context = new AsyncLocalStorage<number>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(call, { minLength: 1, maxLength: 40 }),
      fc.array(fc.constantFrom(0, 0, 1, 3, 8, -1), { minLength: 3, maxLength: 12 }),
      fc.constantFrom(1, 4, 16),
      async (calls, turns, keysPerStatement) => {
        const executor = server([0, ...turns]);
        const source = {
          table: 't',
          selectByKeys: (keys: readonly SqlValue[]): Statement => ({ sql: 'S', params: keys }),
          keyOf: ({ id }: RawRow) => String(id),
          keysPerStatement,
        };
        const batcher = new ReadBatcher(source, executor, () => {});
        const ask = async (keys: readonly string[], deadline: Deadline) => {
          const place = { lane: 'l', endpoints: [endpointOf('primary')], shard, deadline };
          const params = keys.map((one) => ({ identity: one, param: one }));
          const [first] = params;
          if (params.length === 1 && first !== undefined) return [await batcher.read(first, place)];
          const distinct = [...new Map(params.map((one) => [one.identity, one])).values()];
          const parts = await Promise.allSettled(
            batcher.readMany(distinct, place).map(({ rows }) => rows),
          );
          return keys.map((one) => {
            for (const part of parts) {
              if (part.status === 'rejected') throw part.reason;
              const row = part.value.get(one);
              if (row !== undefined) return row;
            }
            return null;
          });
        };
        const run = async ({ keys, after, abortAfter, timeoutMs }: (typeof calls)[number]) => {
          for (let turn = 0; turn < after; turn++) await settled();
          const ending = new AbortController();
          const deadline = new Deadline(timeoutMs, ending.signal);
          const outcome = ask(keys, deadline).then(
            (found): Outcome => ({ found }),
            (error: unknown): Outcome => ({ error }),
          );
          if (abortAfter !== undefined) {
            for (let turn = 0; turn < abortAfter; turn++) await settled();
            ending.abort();
          }
          const told = await outcome;
          deadline.end();
          return { told, context: context.getStore() };
        };
        const done = await Promise.all(calls.map((one, at) => context.run(at, () => run(one))));
        for (const [at, { told, context: own }] of done.entries()) {
          const { keys, abortAfter, timeoutMs } = calls[at] as (typeof calls)[number];
          expect(own).toBe(at);
          if ('error' in told && told.error instanceof AbortedError) {
            expect(abortAfter).toBeDefined();
          } else if ('error' in told && told.error instanceof TimeoutError) {
            // In time means: only what travelled in a statement that never returned, or had hardly any.
            const isStuck = keys.some((one) => executor.stuck.has(one));
            expect(isStuck || timeoutMs < 1_000).toBe(true);
          } else expect(told).toEqual(alone(keys));
        }
      },
    ),
    { numRuns: 30 },
  );
}, 120_000);

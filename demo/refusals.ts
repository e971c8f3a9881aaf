import {
  ConfigError,
  createDataLayer,
  type ErrorCode,
  isMeridianError,
  type TopologyDocument,
} from 'meridian';
import type { Check } from './checks.ts';
import { type Data, type Payment, tables, type User } from './tables.ts';
import { sayWrapped } from './terminal.ts';

interface Mistake {
  readonly what: string;
  readonly code: ErrorCode;
  make(): Promise<unknown>;
}

/** Makes mistakes on purpose and shows what Meridian says. Each must be refused, and rightly so. */
export async function showRefusals(
  data: Data,
  topology: TopologyDocument,
  user: User,
  payment: Payment,
): Promise<Check> {
  const mistakes: Mistake[] = [
    {
      what: 'a user under the id of a transaction',
      code: 'MERIDIAN_ROUTING',
      make: () => data.users.get(payment.id),
    },
    {
      what: "a user of country 'Germany'",
      code: 'MERIDIAN_ROW_INVALID',
      make: () => data.users.insert({ ...user, country: 'Germany' }),
    },
    {
      what: 'raw SQL that does not say which cached rows it changes',
      code: 'MERIDIAN_ROUTING',
      make: () =>
        data.users.at(user.id).execute("UPDATE users SET name = ''", [], { scope: 'shard' }),
    },
    {
      what: 'a merge of shards that sort another way than it is told',
      code: 'MERIDIAN_MERGE',
      make: () =>
        data.transactions.everywhere.query('SELECT cents FROM transactions ORDER BY cents', [], {
          merge: { orderBy: [['cents', 'desc']], limit: 10 },
        }),
    },
    {
      what: "a start with the URLs of 'eu-1' and 'us-1' swapped",
      code: 'MERIDIAN_CONFIG',
      make: () => start(swapped(topology, 'eu-1', 'us-1')),
    },
    {
      what: "a start without shard 'tx-4', whose rows would be looked for elsewhere",
      code: 'MERIDIAN_CONFIG',
      make: () => start(without(topology, 'ledger', 'tx-4')),
    },
  ];
  const accepted: string[] = [];
  for (const { what, code, make } of mistakes) {
    const error = await make().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!isMeridianError(error) || error.code !== code) accepted.push(what);
    const said = error instanceof Error ? gist(error) : 'it was accepted';
    sayWrapped(`· ${what}: “${said}”`, '  ');
  }
  const what = `${mistakes.length} mistakes refused, each with its code`;
  return { what: [what, ...accepted].join('; NOT '), passed: accepted.length === 0 };
}

/** Of several problems the first, and of a long one the beginning: the error itself says all. */
function gist(error: Error): string {
  const [problem] = error instanceof ConfigError ? error.problems : [];
  const text = (problem?.message ?? error.message).replaceAll(/\s+/g, ' ');
  return text.length <= 110 ? text : `${text.slice(0, text.lastIndexOf(' ', 110))} …`;
}

/** Starts another data layer on the same databases; it must not come up. */
async function start(topology: TopologyDocument): Promise<void> {
  const other = await createDataLayer({ topology, tables, redis: false, logger: false });
  await other.close();
}

function swapped(topology: TopologyDocument, a: string, b: string): TopologyDocument {
  const { [a]: first, [b]: second, ...others } = topology.shards;
  if (first === undefined || second === undefined) throw new TypeError('no such shards');
  const shards = {
    ...others,
    [a]: { ...first, primary: second.primary },
    [b]: { ...second, primary: first.primary },
  };
  return { ...topology, epoch: 2, shards };
}

function without(topology: TopologyDocument, keyspace: string, shard: string): TopologyDocument {
  const { [shard]: _, ...shards } = topology.shards;
  const { [keyspace]: old, ...others } = topology.keyspaces;
  if (old === undefined) throw new TypeError('no such keyspace');
  const left = { ...old, shards: old.shards.filter((name) => name !== shard) };
  return { ...topology, epoch: 2, shards, keyspaces: { ...others, [keyspace]: left } };
}

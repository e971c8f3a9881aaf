import { ConfigError } from '../../errors/config-error.ts';
import type { Call } from '../../execution/call.ts';
import type { Statement, StatementResult } from '../../mysql/sql/sql.ts';
import { canonicalKey, type ShardKey } from '../../sharding/shard-key.ts';
import type { RowOf, RowSchema } from '../schema/define-table.ts';
import type { TableRuntime } from '../table-runtime.ts';
import { assertOwner } from './owner-scope.ts';
import type { ReadOptions, ReadPath } from './read-path.ts';

export interface OwnedListOptions extends ReadOptions {
  /** Rows at most. Default 100. */
  readonly limit?: number;
  /** The primary key of the last row of the page before. */
  readonly after?: ShardKey;
}

type OwnedRow = RowOf<RowSchema>;
type Read = (statement: Statement, call: Call) => Promise<StatementResult>;

/** The rows of one owner: what belongs to somebody else is not there. */
export class OwnedRows {
  readonly #runtime: TableRuntime;
  readonly #reads: ReadPath<RowSchema>;
  readonly #key: ShardKey;
  readonly #isId: boolean;

  /** @param isId whether the key is an id of the keyspace, which may be that of a row. */
  constructor(runtime: TableRuntime, reads: ReadPath<RowSchema>, key: ShardKey, isId: boolean) {
    this.#isId = isId;
    this.#runtime = runtime;
    this.#reads = reads;
    this.#key = key;
  }

  async get(key: ShardKey, options: ReadOptions | undefined): Promise<OwnedRow | null> {
    return this.#own(await this.#reads.get(key, options, 'at.get'));
  }

  async getMany(
    keys: readonly ShardKey[],
    options: ReadOptions | undefined,
  ): Promise<(OwnedRow | null)[]> {
    const rows = await this.#reads.getMany(keys, options, 'at.getMany');
    return rows.map((row) => this.#own(row));
  }

  list(options: OwnedListOptions, read: Read): Promise<OwnedRow[]> {
    const { codec, statements, table, calls } = this.#runtime;
    return calls.run('at.list', table.name, options, async (call) => {
      const { limit = 100, after } = options;
      if (!Number.isInteger(limit) || limit < 1 || limit > 10_000) {
        throw new ConfigError('Bad call options', [
          { path: 'limit', message: 'must be a whole number from 1 to 10,000' },
        ]);
      }
      const forms = codec.formsOf(table.shardKey, this.#key);
      const last = after === undefined ? undefined : codec.key(after).param;
      const { rows } = await read(statements.selectOwned(forms, last, limit), call);
      if (rows.length === 0 && this.#isId) {
        await assertOwner([this.#runtime], this.#key, (statement) => read(statement, call));
      }
      return rows.map((raw) => codec.decode(raw));
    });
  }

  #own(row: OwnedRow | null): OwnedRow | null {
    const { primaryKey, shardKey } = this.#runtime.table;
    if (row === null) return null;
    const isOwn = [row[shardKey], row[primaryKey]].some((value) => isKey(value, this.#key));
    return isOwn ? row : null;
  }
}

/** Whether a column holds a key, in whatever form either is written. */
function isKey(value: unknown, key: ShardKey): boolean {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint')
    return false;
  const [mine, asked] = [canonicalKey(value), canonicalKey(key)];
  return mine === asked;
}

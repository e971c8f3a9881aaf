import { AbortedError, TimeoutError } from '../../errors/call-error.ts';
import { isMeridianError } from '../../errors/meridian-error.ts';
import type { RawRow, SqlValue, Statement, StatementResult } from '../../mysql/sql/sql.ts';
import type { CallWait } from '../../observability/call-meter.ts';
import type { Observer } from '../../observability/events.ts';
import type { Deadline } from '../../resilience/time/deadline.ts';
import type { Shard } from '../../topology/topology.ts';
import type { Executor } from '../executor.ts';
import { inChunks } from '../in-chunks.ts';
import { OneKey, type RowsByKey, SeveralKeys } from './batched-read.ts';
import type { ReadBatch, ReadTarget } from './read-batch.ts';
import { ReadLane, type Sent } from './read-lane.ts';

/** What batches are sent with. */
type StatementRunner = Pick<Executor, 'runStatement'>;

/** How the rows of one table are asked for and told apart. */
export interface PointReadSource {
  readonly table: string;
  selectByKeys(keys: readonly SqlValue[]): Statement;
  /** What tells a raw row's key from others, in the same form as the `key` of a read. */
  keyOf(row: RawRow): string;
  /** 1 where SQL may call different keys equal: then every key travels alone. */
  readonly keysPerStatement: number;
}

/** A key as it is asked for. */
export interface KeyParam {
  /** What tells the key from others. */
  readonly identity: string;
  readonly param: SqlValue;
}

/** Where keys are, and how they are read. */
export interface PointRead extends ReadTarget {
  /** Names the consistency: reads of one shard and lane may travel together. */
  readonly lane: string;
  readonly deadline: Deadline;
}

/** Some of a call's keys, and the rows found for them, among others. */
export interface ChunkRead {
  readonly keys: readonly KeyParam[];
  readonly rows: Promise<RowsByKey>;
}

/**
 * Point reads of one table that are asked for at about the same time travel as one `IN (…)` for each shard:
 * see {@link ReadLane}.
 */
export class ReadBatcher {
  readonly #source: PointReadSource;
  readonly #executor: StatementRunner;
  readonly #observe: Observer;
  readonly #lanes = new WeakMap<Shard, Map<string, ReadLane>>();

  constructor(source: PointReadSource, executor: StatementRunner, observe: Observer) {
    this.#source = source;
    this.#executor = executor;
    this.#observe = observe;
  }

  /** The raw row of a key, or null. Rejects when the read's deadline passes. */
  read({ identity, param }: KeyParam, read: PointRead): Promise<RawRow | null> {
    const one = new OneKey(identity, param, read.deadline);
    this.#laneOf(read).add(one, 1, read);
    return one.answered;
  }

  /** The raw rows of distinct keys: as many of them at a time as fit into a statement. */
  readMany(keys: readonly KeyParam[], read: PointRead): ChunkRead[] {
    return inChunks(keys, this.#source.keysPerStatement).map((chunk) => {
      const params = new Map(chunk.map(({ identity, param }) => [identity, param]));
      const several = new SeveralKeys(params, read.deadline);
      this.#laneOf(read).add(several, params.size, read);
      return { keys: chunk, rows: several.answered };
    });
  }

  #laneOf({ shard, lane: name }: PointRead): ReadLane {
    let lanes = this.#lanes.get(shard);
    if (lanes === undefined) {
      lanes = new Map();
      this.#lanes.set(shard, lanes);
    }
    let lane = lanes.get(name);
    if (lane === undefined) {
      lane = new ReadLane(this.#source.keysPerStatement, (batch) => this.#run(batch));
      lanes.set(name, lane);
    }
    return lane;
  }

  async #run(batch: ReadBatch): Promise<Sent> {
    const deadline = batch.begin();
    const wait = batch.target.gate && deadline.meter?.wait('load');
    let isWell = false;
    try {
      const { rows } = await this.#ask(batch, deadline, wait);
      const byKey = new Map<string, RawRow>();
      for (const row of rows) byKey.set(this.#source.keyOf(row), row);
      batch.answer(byKey);
      isWell = true;
    } catch (error) {
      if (batch.wasShared && isOfAKey(error)) return { isWell, again: batch.halves() };
      batch.fail(error, deadline);
    } finally {
      wait?.end();
      batch.end(deadline, !isWell);
    }
    return { isWell, again: [] };
  }

  #ask(batch: ReadBatch, deadline: Deadline, wait: CallWait | undefined): Promise<StatementResult> {
    const { endpoints, shard, gate } = batch.target;
    const { table, selectByKeys } = this.#source;
    const params = batch.params();
    this.#observe({ type: 'read-batch', table, shard: shard.name, keys: params.length });
    const statement = selectByKeys(params);
    if (gate === undefined)
      return this.#executor.runStatement(endpoints, statement, 'read', deadline);
    return gate.admit(() => {
      wait?.end();
      return this.#executor.runStatement(endpoints, statement, 'read', deadline);
    }, deadline);
  }
}

/** Whether the failure may be that of one key or of their number: the others get what they would alone. */
function isOfAKey(error: unknown): boolean {
  if (!isMeridianError(error) || error.retryable || error.outcome !== 'not-applied') return false;
  return !(error instanceof TimeoutError || error instanceof AbortedError);
}

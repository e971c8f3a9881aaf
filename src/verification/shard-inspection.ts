import { ConfigError, type Problem } from '../errors/config-error.ts';
import { UnavailableError } from '../errors/database-error.ts';
import type { Call } from '../execution/call.ts';
import type { Executor } from '../execution/executor.ts';
import { onPrimary } from '../execution/on-primary.ts';
import { heardByAllMs } from '../forwarding/protocol-times.ts';
import { type IdentityRow, isReadOnly } from '../identity/identity-table.ts';
import type { KnownSystem } from '../identity/shard-identity.ts';
import type { TableShape } from '../mysql/schema/table-shape.ts';
import type { Observer } from '../observability/events.ts';
import type { ReferencePlan, RowPlan, TablePlan } from '../rows/schema/table-plan.ts';
import { perSnapshot } from '../topology/per-snapshot.ts';
import type { Endpoint, Shard, Topology } from '../topology/topology.ts';
import { awaitPrimaries } from './await-primaries.ts';
import { checkAllRules, uniquenessProblem } from './check-rules.ts';
import { checkAllColumns, type SpreadPlan, spreadPlans } from './check-tables.ts';
import { checkFirstUse } from './first-use.ts';
import { type FoundDatabase, readDatabases } from './read-databases.ts';
import { ShardRules } from './shard-rules.ts';
import { lackOfAny, lackOfSome } from './start-needs.ts';
import { ensureSystemTables, type SystemTableNeed } from './system-tables.ts';
import { declaredFacts, type Sharing, sharesRedis } from './table-facts.ts';
import { checkFacts, type FactCheck, recordFacts } from './verify-facts.ts';
import { verifyRights } from './verify-rights.ts';
import { recordSlots, type Verified, verifyReplica, verifyShards } from './verify-shards.ts';

interface InspectionParts {
  readonly plans: readonly TablePlan[];
  readonly references: readonly ReferencePlan[];
  /** Asks endpoints that nobody has verified. */
  readonly executor: Executor;
  readonly systemTables: 'create' | 'verify';
  /** The system tables that each shard must have. */
  readonly needs: (topology: Topology) => readonly SystemTableNeed[];
  /** Names of the system tables whose rows are placed by slots, as those of services are. */
  readonly placedTables: readonly string[];
  readonly uniqueAcrossShards: 'warn' | 'refuse';
  readonly sharing: Sharing;
  /** Told what the database of an endpoint was found to be, and must stay. */
  readonly expect: (endpoint: Endpoint, identity: IdentityRow) => void;
  /** Sees to it that a shard which owners have left refuses their rows. */
  readonly keepFences: KeepFences;
  readonly observe: Observer;
}

type Shapes = ReadonlyMap<string, TableShape>;

export type KeepFences = (
  shard: Shard,
  shapes: Shapes,
  call: Call,
  problems: Problem[],
) => Promise<void>;

/** Shards that fit, of which nothing is on record yet that was not. */
export interface InspectedShards {
  /** Those that may take traffic. */
  readonly endpoints: readonly Endpoint[];
  readonly shards: readonly Shard[];
  readonly remapped: Verified['remapped'];
  /** What their databases are like. */
  readonly databases: ReadonlyMap<string, FoundDatabase>;
}

/** Asks shards who they are and what their tables look like: at startup, and those that come later. */
export class ShardInspection {
  readonly #parts: InspectionParts;
  readonly #spread: (topology: Topology) => readonly SpreadPlan[];
  readonly #referenceTables: ReadonlySet<string>;
  readonly #shapes = new Map<string, Shapes>();
  /** What the servers were found to do by themselves. */
  readonly rules = new ShardRules();
  #maxPacketBytes = Number.POSITIVE_INFINITY;
  #isRecorded = false;
  #known: KnownSystem | undefined;

  constructor(parts: InspectionParts) {
    const { plans, references } = parts;
    this.#parts = parts;
    this.#spread = perSnapshot((topology) => spreadPlans(plans, references, topology));
    this.#referenceTables = new Set(references.map(({ table }) => table.name));
  }

  /** The value that all databases of the system share. */
  get system(): string {
    if (this.#known === undefined) throw new TypeError('at least one shard was inspected');
    return this.#known.system;
  }

  /** The most bytes of one statement that every server takes that was inspected. */
  get maxPacketBytes(): number {
    return this.#maxPacketBytes;
  }

  shapeOf({ table }: RowPlan, topology: Topology): TableShape {
    const spread = this.#spread(topology).find(({ plan }) => plan.table === table);
    for (const { name } of spread?.shards ?? []) {
      const shape = this.#shapes.get(name)?.get(table.name);
      if (shape !== undefined) return shape;
    }
    throw new TypeError('the shape of every table was checked');
  }

  /**
   * Inspects shards, and their replicas as far as they answer: `record` follows once all else was judged.
   *
   * @throws {ConfigError} with every problem; {@link UnavailableError} or {@link TimeoutError} when a
   * primary does not answer.
   */
  async inspect(shards: readonly Shard[], call: Call): Promise<InspectedShards> {
    const { plans, executor, systemTables, needs, observe } = this.#parts;
    const { topology } = call;
    const problems: Problem[] = [];
    await checkFirstUse({ topology, plans, executor, deadline: call }, shards, problems);
    if (problems.length > 0) throw new ConfigError('The databases do not fit', problems);
    const { system, endpoints, remapped } = await verifyShards(
      { ...this.#recording(shards, call), known: this.#known, observe },
      problems,
    );
    if (problems.length === 0) {
      const own = needs(topology).filter(({ shard }) =>
        shards.some(({ name }) => name === shard.name),
      );
      await ensureSystemTables({ executor, deadline: call, systemTables }, own, problems);
    }
    const databases = await readDatabases(executor, this.#holding(shards, topology), call);
    const shapes = new Map([...databases].map(([name, found]) => [name, found.shapes]));
    this.#checkColumns(topology, shapes, problems);
    this.#checkRules(topology, databases, shapes, problems);
    if (problems.length === 0) await this.#keepFences(shards, shapes, call, problems);
    if (problems.length === 0) await checkFacts(this.#recording(shards, call), problems);
    if (problems.length === 0 && sharesRedis(this.#spread(topology), this.#parts.sharing)) {
      await verifyRights({ executor, deadline: call }, shards, problems);
    }
    const [first] = shards;
    if (problems.length > 0 || system === undefined || first === undefined) {
      throw new ConfigError('The databases do not fit', problems);
    }
    this.#known ??= { system, shard: first.name };
    return { shards, endpoints, remapped, databases };
  }

  /**
   * Records what this service says of shared data, once nothing is left that could refuse it.
   *
   * @param joins whether a shard is added to a keyspace, whoever records it first.
   * @throws {ConfigError} when another process was first with something else, or the user may not.
   */
  async record(inspected: InspectedShards, call: Call, joins = false): Promise<void> {
    const { shards, endpoints, remapped, databases } = inspected;
    const problems: Problem[] = [];
    const recording = this.#recording(shards, call);
    await recordSlots(recording, remapped, problems);
    const hasJoined = problems.length === 0 && (await recordFacts(recording, problems));
    // Before this service puts a row there which others would leave out.
    if (hasJoined || joins) await call.pause(heardByAllMs);
    const found = [...databases].map(([name, { shapes }]) => [name, shapes] as const);
    const shapes = new Map([...this.#shapes, ...found]);
    // An owner may have left before the mover could read which tables there are.
    if (problems.length === 0) await this.#keepFences(shards, shapes, call, problems);
    if (problems.length > 0) throw new ConfigError('The databases do not fit', problems);
    this.#take(databases);
    for (const endpoint of endpoints) this.#expect(endpoint, call.topology);
    this.#isRecorded = true;
  }

  /**
   * Inspects all shards, once all of their primaries are up.
   *
   * @throws {UnavailableError} naming those that are not when the deadline passes; what `inspect` throws.
   */
  async inspectAll(call: Call): Promise<InspectedShards> {
    const { executor, observe } = this.#parts;
    const shards = [...call.topology.shards.values()];
    const lacks = lackOfAny(shards.length);
    await awaitPrimaries({ shards, executor, deadline: call, observe, lacks });
    return this.inspect(shards, call);
  }

  /**
   * Inspects the shards that are up, once those are that have to be.
   *
   * @throws {UnavailableError} naming those that are down when the deadline passes; what `inspect` throws.
   */
  async inspectThoseUp(call: Call): Promise<InspectedShards> {
    const { executor, observe, plans } = this.#parts;
    const shards = [...call.topology.shards.values()];
    const lacks = lackOfSome([...new Set(plans.map(({ table }) => table.keyspace))]);
    const { up } = await awaitPrimaries({ shards, executor, deadline: call, observe, lacks });
    return this.inspect(up, call);
  }

  /** Holds what this service says of shared data against what is on record, and records nothing. */
  async checkFacts(shards: readonly Shard[], call: Call): Promise<void> {
    const problems: Problem[] = [];
    await checkFacts(this.#recording(shards, call), problems);
    if (problems.length > 0) throw new ConfigError('The databases do not fit', problems);
  }

  /** Inspects one endpoint that was not to be had before. Throws what `inspect` throws. */
  async inspectLate(endpoint: Endpoint, call: Call): Promise<void> {
    const { executor } = this.#parts;
    const shard = call.topology.shards.get(endpoint.shard);
    if (shard === undefined) throw new TypeError('an endpoint belongs to a shard');
    if (!this.#isRecorded) {
      throw new UnavailableError(`${endpoint.name} was down at the start, which is not over yet.`);
    }
    if (endpoint.role === 'replica') {
      await verifyReplica({ executor, deadline: call }, shard, endpoint, this.#known);
      this.#expect(endpoint, call.topology);
    } else {
      // One that is being promoted is read-only until that is done; it is looked at again.
      if (await onPrimary({ executor, deadline: call }, shard, isReadOnly)) {
        throw new UnavailableError(`${endpoint.name} is read-only, so it is no primary.`);
      }
      // Its replicas are inspected one by one.
      await this.record(await this.inspect([{ ...shard, replicas: [] }], call), call);
    }
  }

  #take(databases: ReadonlyMap<string, FoundDatabase>): void {
    for (const [name, found] of databases) {
      this.#shapes.set(name, found.shapes);
      this.rules.set(name, found.rules);
      this.#maxPacketBytes = Math.min(this.#maxPacketBytes, found.maxPacketBytes);
    }
    this.rules.tellUnseen(databases.keys(), this.#parts.observe);
  }

  #expect(endpoint: Endpoint, { shards }: Topology): void {
    const shard = shards.get(endpoint.shard);
    if (shard === undefined) throw new TypeError('an endpoint belongs to a shard');
    const { name, keyspace, slotFingerprint: slots } = shard;
    this.#parts.expect(endpoint, { system: this.system, keyspace, shard: name, slots });
  }

  /** Those that hold tables of this service. */
  #holding(shards: readonly Shard[], topology: Topology): readonly Shard[] {
    const holding = new Set(
      this.#spread(topology).flatMap((plan) => plan.shards.map(({ name }) => name)),
    );
    return shards.filter(({ name }) => holding.has(name));
  }

  /** What it takes to hold what this service says of shared data against what others said. */
  #recording(shards: readonly Shard[], call: Call): FactCheck {
    const { executor, systemTables, placedTables, sharing } = this.#parts;
    const { topology } = call;
    const declare = (shard: Shard) =>
      declaredFacts(this.#spread(topology), topology, sharing, shard);
    const known = { topology, referenceTables: this.#referenceTables, placedTables, declare };
    return { ...known, shards, executor, deadline: call, systemTables };
  }

  async #keepFences(
    shards: readonly Shard[],
    shapes: ReadonlyMap<string, Shapes>,
    call: Call,
    problems: Problem[],
  ): Promise<void> {
    const kept = shards.map((shard) =>
      this.#parts.keepFences(shard, shapes.get(shard.name) ?? new Map(), call, problems),
    );
    await Promise.all(kept);
  }

  #checkRules(
    topology: Topology,
    databases: ReadonlyMap<string, FoundDatabase>,
    shapes: ReadonlyMap<string, Shapes>,
    problems: Problem[],
  ): void {
    const { uniqueAcrossShards, observe } = this.#parts;
    // Those of servers that turn out wrong must not take the place of what holds.
    const rules = new ShardRules([...databases].map(([name, found]) => [name, found.rules]));
    for (const local of checkAllRules(this.#spread(topology), rules, shapes, problems)) {
      if (uniqueAcrossShards === 'refuse') problems.push(uniquenessProblem(local));
      else {
        const { plan, index } = local;
        observe({ type: 'unique-per-shard', table: plan.table.name, index: index.name });
      }
    }
  }

  /** Checks the columns of new shards, and that they agree with those of a shard that is known. */
  #checkColumns(
    topology: Topology,
    shapes: ReadonlyMap<string, Shapes>,
    problems: Problem[],
  ): void {
    const plans = this.#spread(topology).map(({ plan, shards }) => {
      const known = shards.find(({ name }) => this.#shapes.has(name));
      return {
        plan,
        shards: shards.filter((shard) => shard === known || shapes.has(shard.name)),
      };
    });
    checkAllColumns(plans, new Map([...this.#shapes, ...shapes]), problems);
  }
}

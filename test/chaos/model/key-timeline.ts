import { type Bounds, firstVersion, type Moment, type Read, type Write } from './history.ts';
import { Newest } from './newest.ts';

const perMs = 1_000;

/** What the writes of one key let its readers see. */
export class KeyTimeline {
  readonly #byVersion = new Map<number, Write>();
  readonly #begunAbsent: Newest;
  readonly #acknowledged = new Map<string, CacheView>();

  constructor(writes: readonly Write[]) {
    for (const write of writes) {
      if (this.#byVersion.has(write.version)) {
        throw new Error(`two writes of ${write.key} made its version ${write.version}`);
      }
      this.#byVersion.set(write.version, write);
    }
    const absent = writes.filter(({ isAbsent }) => isAbsent);
    this.#begunAbsent = new Newest(absent.map(({ begun, version }) => [begun, version]));
    for (const cache of new Set(writes.flatMap((write) => [...write.acknowledged.keys()]))) {
      this.#acknowledged.set(cache, new CacheView(writes, cache));
    }
  }

  write(version: number): Write | undefined {
    return this.#byVersion.get(version);
  }

  /** The oldest version that a read may return. */
  floor(read: Read, bounds: Bounds): number {
    const view = this.#acknowledged.get(read.cache);
    return Math.max(firstVersion, view?.floor(read, bounds) ?? firstVersion);
  }

  /** Whether somebody had begun to write what the read returned when it ended. */
  hadBegun({ version, ended }: Read): boolean {
    if (version === null) return this.#begunAbsent.before(ended) > 0;
    if (version === firstVersion) return true;
    const write = this.#byVersion.get(version);
    return write !== undefined && !write.isAbsent && write.begun < ended;
  }

  /** The newest version that the read may stand for. */
  seen({ version, ended }: Read): number {
    return version ?? this.#begunAbsent.before(ended);
  }
}

/** The acknowledgements that one cache gave for one key. */
class CacheView {
  readonly #done: Newest;
  readonly #any: Newest;
  readonly #own = new Map<string, Newest>();

  constructor(writes: readonly Write[], cache: string) {
    const done: [Moment, number][] = [];
    const any: [Moment, number][] = [];
    const own = new Map<string, [Moment, number][]>();
    for (const { process, version, acknowledged } of writes) {
      const given = acknowledged.get(cache);
      if (given === undefined) continue;
      any.push([given.at, version]);
      if (given.outcome === 'done') done.push([given.at, version]);
      const mine = own.get(process) ?? [];
      mine.push([given.at, version]);
      own.set(process, mine);
    }
    this.#done = new Newest(done);
    this.#any = new Newest(any);
    for (const [process, steps] of own) this.#own.set(process, new Newest(steps));
  }

  floor({ process, begun }: Read, { doneMs, pendingMs }: Bounds): number {
    return Math.max(
      this.#own.get(process)?.before(begun) ?? Number.NEGATIVE_INFINITY,
      this.#done.before(begun - doneMs * perMs),
      this.#any.before(begun - pendingMs * perMs),
    );
  }
}

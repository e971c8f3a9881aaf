import { unseenIn } from '../mysql/schema/schema-objects.ts';
import type { DatabaseRules } from '../mysql/schema/table-rules.ts';
import type { Observer } from '../observability/events.ts';
import { HiddenEffects } from '../rows/raw/hidden-effects.ts';

/** What the servers of shards do by themselves, as far as they have been asked. */
export class ShardRules {
  readonly byShard: Map<string, DatabaseRules>;
  readonly #effects = new Map<string, HiddenEffects>();

  constructor(byShard: Iterable<readonly [string, DatabaseRules]> = []) {
    this.byShard = new Map(byShard);
  }

  set(shard: string, rules: DatabaseRules): void {
    this.byShard.set(shard, rules);
    this.#effects.clear();
  }

  /** What views and functions of some shards do; another value once more is known. */
  effectsOf(shards: readonly { readonly name: string }[]): HiddenEffects {
    const id = JSON.stringify(shards.map(({ name }) => name));
    let effects = this.#effects.get(id);
    if (effects === undefined) {
      effects = new HiddenEffects(
        shards.flatMap(({ name }) => this.byShard.get(name)?.objects ?? []),
      );
      this.#effects.set(id, effects);
    }
    return effects;
  }

  /** Tells of definitions and triggers that the user may not see: what is behind them nobody checks. */
  tellUnseen(shards: Iterable<string>, observe: Observer): void {
    const known = [...shards].flatMap((shard) => {
      const rules = this.byShard.get(shard);
      return rules === undefined ? [] : [{ shard, rules }];
    });
    const unseen = known.flatMap(({ shard, rules }) => {
      const count = unseenIn(rules.objects);
      return count === 0 ? [] : [[shard, count] as const];
    });
    const triggers = known.flatMap(({ shard, rules }) => (rules.seesTriggers ? [] : [shard]));
    if (unseen.length === 0 && triggers.length === 0) return;
    observe({ type: 'definitions-unseen', shards: Object.fromEntries(unseen), triggers });
  }
}

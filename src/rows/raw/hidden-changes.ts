import { RoutingError } from '../../errors/routing-error.ts';
import { tokensOf } from '../../mysql/sql/sql-tokens.ts';
import type { HiddenEffects } from './hidden-effects.ts';

const known = new WeakMap<HiddenEffects, Map<string, string | undefined>>();
const mostKnown = 1_000;
const longestKnown = 20_000;

/** The function or view by which a read changes something, although no word of it says so. */
export function hiddenChange(sql: string, effects: HiddenEffects): string | undefined {
  if (effects.writers.size === 0) return undefined;
  const texts = known.get(effects) ?? new Map<string, string | undefined>();
  known.set(effects, texts);
  if (texts.has(sql)) return texts.get(sql);
  const change = effects.runIn(tokensOf(sql), effects.writers);
  if (sql.length > longestKnown) return change;
  if (texts.size >= mostKnown) texts.clear();
  texts.set(sql, change);
  return change;
}

/** @throws {RoutingError} for a read that would change something each time that it is sent. */
export function assertNoHiddenChange(sql: string, effects: HiddenEffects): void {
  const change = hiddenChange(sql, effects);
  if (change === undefined) return;
  throw new RoutingError(
    `query() runs reads, which may be sent twice; '${change}' is a stored function that changes something, or a view that calls one. ` +
      'Call it in a transaction(), or in a statement of execute().',
  );
}

import type { Deadline } from '../../resilience/time/deadline.ts';
import type { Route } from '../../routing/route.ts';
import { forwardable, ownerOf } from '../forwardable.ts';
import { disagreement } from '../route-row.ts';
import type { RowSchema } from '../schema/define-table.ts';
import type { TableRuntime } from '../table-runtime.ts';
import type { PlannedRow } from './planned-write.ts';

/**
 * Lets a row be stored under an id that was made for another place of its owner, as a client does
 * that tries an insert again after the owner was moved: a redirect there says where the row is. One of
 * a row that never comes harms nobody.
 *
 * @throws {RoutingError} when the owner was never in the place that the id names.
 */
export async function placeOwnId<Schema extends RowSchema>(
  runtime: TableRuntime<Schema>,
  { named, key, row }: PlannedRow<Schema>,
  to: Route,
  deadline: Deadline,
): Promise<void> {
  const { table, forwarding } = runtime;
  if (named === undefined || named.locator === to.locator) return;
  const owner = ownerOf(runtime, row);
  const place = await forwarding.end(owner, to, deadline);
  const reached = await forwarding.end(owner, named, deadline);
  if (reached.locator !== place.locator) throw disagreement(table);
  await forwarding.redirect(forwardable(runtime, key), named, place, deadline);
}

import type { Place } from '../../sharding/places/place.ts';

/** What place() says of a part of a row, and what it looked at. */
export type PlaceProbe = {
  /** Whether place() looked at a column of the patch. */
  readonly isAsked: boolean;
  /** Columns that it looked for beside the patch. */
  readonly missing: ReadonlySet<string>;
} & (
  | { readonly place: Place }
  /** What place() threw, which it may well do on a part of a row. */
  | { readonly failure: unknown }
);

/** Asks place() about a part of a row, and watches what it looks at. */
export function probePlace(
  placeOf: (row: Readonly<Record<string, unknown>>) => Place,
  patch: Readonly<Record<string, unknown>>,
): PlaceProbe {
  const missing = new Set<string>();
  let isAsked = false;
  const watched = new Proxy(patch, {
    get(target, column) {
      if (typeof column !== 'string') return undefined;
      if (column in target) isAsked = true;
      else missing.add(column);
      return target[column];
    },
  });
  try {
    const place = placeOf(watched);
    return { place, isAsked, missing };
  } catch (failure) {
    return { failure, isAsked, missing };
  }
}

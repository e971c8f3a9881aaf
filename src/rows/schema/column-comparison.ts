import type { ColumnShape } from '../../mysql/schema/table-shape.ts';

/** How SQL compares the values of a column. */
export interface ColumnComparison {
  /**
   * `exact`: as JavaScript does. `padded`: but for spaces at the end. `collation`: `ada` and `ADA` may
   * be one.
   */
  readonly equality: 'exact' | 'padded' | 'collation';
  /** Undefined for numbers and bytes. */
  readonly collation: string | undefined;
}

export function comparisonOf(column: ColumnShape | undefined, isUuid: boolean): ColumnComparison {
  const collation = column?.collation;
  if (collation === undefined || collation === 'binary') return { equality: 'exact', collation };
  // A UUID is one key in either letter case, which is what such a collation says too.
  if (!collation.endsWith('_bin')) return { equality: isUuid ? 'exact' : 'collation', collation };
  const isExact = collation.includes('nopad') || collation.includes('0900');
  return { equality: isExact ? 'exact' : 'padded', collation };
}

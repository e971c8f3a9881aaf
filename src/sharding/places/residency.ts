/** A region as far as its law needs to know it. */
export interface ResidencyRegion {
  readonly name: string;
  readonly residency: 'open' | 'strict';
  /** Other regions that may hold copies of a strict region's rows. */
  readonly allow: ReadonlySet<string>;
}

/**
 * Whether replicas, Redis and processes in region `where` may hold rows of `home`. Nobody knows where
 * a process without a region is, so rows of a strict region are not for it. O(1).
 */
export function mayHold(
  where: string | undefined,
  { name, residency, allow }: ResidencyRegion,
): boolean {
  if (residency === 'open') return true;
  return where !== undefined && (where === name || allow.has(where));
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** A whole number in groups of three digits: `1,234,567`. */
export function countText(value: number): string {
  return value.toLocaleString('en-US');
}

/** Bytes in the largest unit of which there is one: `1.5 MiB`. */
export function sizeText(bytes: number): string {
  const unit = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1);
  const amount = bytes / 1024 ** unit;
  return `${unit === 0 ? amount : amount.toFixed(1)} ${units[unit]}`;
}

/** A skew with two decimals, or `?` when a shard did not answer. */
export function skewText(skew: number | null): string {
  return skew === null ? '?' : skew.toFixed(2);
}

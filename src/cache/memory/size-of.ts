const word = 8;
const headerBytes = 3 * word;
const numberBytes = 2 * word;
const smallestHeapInteger = 2 ** 31;

/**
 * About how many bytes of memory a value takes in V8 on a 64-bit machine. What is shared is counted
 * once. O(size of the value).
 */
export function sizeOf(value: unknown, seen = new Set<object>()): number {
  switch (typeof value) {
    case 'string':
      return sizeOfText(value);
    case 'number':
      return Number.isInteger(value) && Math.abs(value) < smallestHeapInteger ? 0 : numberBytes;
    case 'bigint':
      return numberBytes + word;
    case 'object':
      return value === null ? 0 : sizeOfObject(value, seen);
    default:
      return 0;
  }
}

/** Characters take one byte each, or two as soon as one of them is not Latin. */
export function sizeOfText(text: string): number {
  const perCharacter = isLatin(text) ? 1 : 2;
  return 2 * word + Math.ceil((text.length * perCharacter) / word) * word;
}

function isLatin(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0xff) return false;
  return true;
}

function sizeOfObject(value: object, seen: Set<object>): number {
  if (seen.has(value)) return 0;
  seen.add(value);
  if (value instanceof Date) return 13 * word;
  if (ArrayBuffer.isView(value)) return 22 * word + value.byteLength;
  if (value instanceof Map) {
    let bytes = hashTable(value.size, 3);
    for (const [key, item] of value) bytes += sizeOf(key, seen) + sizeOf(item, seen);
    return bytes;
  }
  if (value instanceof Set) {
    let bytes = hashTable(value.size, 2);
    for (const item of value) bytes += sizeOf(item, seen);
    return bytes;
  }
  const items = Object.values(value);
  let bytes = headerBytes + items.length * word + (Array.isArray(value) ? 3 * word : 0);
  for (const item of items) bytes += sizeOf(item, seen);
  return bytes;
}

function hashTable(size: number, wordsPerItem: number): number {
  const capacity = Math.max(4, 2 ** Math.ceil(Math.log2(size + 1)));
  return headerBytes + word * (3 + capacity / 2 + capacity * wordsPerItem);
}

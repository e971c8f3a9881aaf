import type { ColumnShape } from '../../mysql/schema/table-shape.ts';

/** What the server takes for space at the end of a text, and cuts off without a word, whatever the sql_mode. */
const endsInSpace = /[\t-\r ]$/;

/**
 * Whether the server would cut the end of a text off, since it is too long for its column by nothing but
 * space. Any other text that is too long the server refuses itself.
 */
export function isCutText({ dataType, length, collation }: ColumnShape): (text: string) => boolean {
  if (length === undefined) return () => false;
  if (!dataType.endsWith('text')) {
    // A code point has one or two units, so that few texts need to be counted.
    return (text) => text.length > length && endsInSpace.test(text) && [...text].length > length;
  }
  const bytesOf = bytesIn(collation?.split('_')[0] ?? '');
  return (text) => endsInSpace.test(text) && bytesOf(text) > length;
}

/** The bytes that a text takes in a character set; the most that it may take in one that is not known here. */
function bytesIn(characterSet: string): (text: string) => number {
  if (characterSet === 'ascii' || characterSet === 'latin1') return (text) => text.length;
  if (characterSet.startsWith('utf8')) return (text) => Buffer.byteLength(text);
  // What has two bytes in UTF-8 has four in gb18030 at worst.
  return (text) => 2 * Buffer.byteLength(text);
}

const blockBytes = 512;

/** A tar archive of one text file that everyone may read: how an engine takes files. */
export function tarArchive(path: string, text: string): Buffer {
  const content = Buffer.from(text);
  const header = Buffer.alloc(blockBytes);
  const octal = (value: number, width: number) => value.toString(8).padStart(width, '0');
  header.write(path, 0);
  header.write(octal(0o644, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(octal(content.length, 11), 124);
  header.write(octal(0, 11), 136);
  header.write('0', 156);
  header.write('ustar\u000000', 257);
  // The checksum is that of the header with spaces in its own place.
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148);
  const padding = Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes);
  return Buffer.concat([header, content, padding, Buffer.alloc(2 * blockBytes)]);
}

/** A reply of Redis (RESP2). A refusal is a value here: the commands after it still have replies. */
export type RedisReply = string | number | null | RedisRefusal | readonly RedisReply[];

/** An error that a server replied with, such as `ERR unknown command`. */
export class RedisRefusal {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A command as the bytes a server reads. */
export function encodeCommand(words: readonly string[]): string {
  const bulk = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${bulk.join('')}`;
}

/**
 * The replies at the start of the bytes that are complete; O(bytes).
 *
 * @throws TypeError when the bytes are not RESP2.
 */
export function decodeReplies(bytes: Buffer): RedisReply[] {
  const replies: RedisReply[] = [];
  let at = 0;
  for (;;) {
    const read = decodeReply(bytes, at);
    if (!read) return replies;
    replies.push(read.reply);
    at = read.end;
  }
}

interface Read {
  readonly reply: RedisReply;
  readonly end: number;
}

function decodeReply(bytes: Buffer, start: number): Read | undefined {
  const lineEnd = bytes.indexOf('\r\n', start);
  if (lineEnd === -1) return undefined;
  const text = bytes.toString('utf8', start + 1, lineEnd);
  const end = lineEnd + 2;
  switch (bytes.toString('latin1', start, start + 1)) {
    case '+':
      return { reply: text, end };
    case '-':
      return { reply: new RedisRefusal(text), end };
    case ':':
      return { reply: Number(text), end };
    case '$':
      return decodeBulk(bytes, end, Number(text));
    case '*':
      return decodeArray(bytes, end, Number(text));
    default:
      throw new TypeError('The server does not speak the protocol of Redis.');
  }
}

function decodeBulk(bytes: Buffer, start: number, length: number): Read | undefined {
  if (length === -1) return { reply: null, end: start };
  const end = start + length + 2;
  if (bytes.length < end) return undefined;
  return { reply: bytes.toString('utf8', start, start + length), end };
}

function decodeArray(bytes: Buffer, start: number, length: number): Read | undefined {
  if (length === -1) return { reply: null, end: start };
  const reply: RedisReply[] = [];
  let end = start;
  while (reply.length < length) {
    const item = decodeReply(bytes, end);
    if (!item) return undefined;
    reply.push(item.reply);
    end = item.end;
  }
  return { reply, end };
}

import { type MysqlPacket, MysqlPacketFramer } from './mysql-packets.ts';

const command = { query: 0x03, prepare: 0x16, execute: 0x17, close: 0x19 } as const;
const capability = {
  compress: 0x20,
  ssl: 0x800,
  zstd: 0x400_0000,
  attributes: 0x800_0000,
} as const;

const keptStatementBytes = 64 * 1024;
/** Enough of a greeting for the capabilities, which follow the server's version. */
const keptReplyBytes = 256;

/**
 * Reads along with one connection and tells which statements the client sends: the text of a query,
 * or the text that an executed prepared statement was prepared with.
 *
 * Statements with query attributes are not recognised, nor are those of a connection that is
 * encrypted or compressed; the latter is told once by `onOpaque`.
 */
export class MysqlStatements {
  readonly #onStatement: (text: string) => void;
  readonly #onOpaque: () => void;
  readonly #client = new MysqlPacketFramer(keptStatementBytes);
  readonly #server = new MysqlPacketFramer(keptReplyBytes);
  readonly #prepared = new Map<number, string>();
  #serverCapabilities: number | undefined;
  #capabilities: number | undefined;
  #opaque = false;
  #preparing: string | undefined;

  constructor(onStatement: (text: string) => void, onOpaque: () => void) {
    this.#onStatement = onStatement;
    this.#onOpaque = onOpaque;
  }

  /** Bytes on their way to the server. */
  fromClient(bytes: Buffer): void {
    if (this.#opaque) return;
    for (const packet of this.#client.push(bytes)) this.#clientPacket(packet);
  }

  /** Bytes on their way to the client. */
  fromServer(bytes: Buffer): void {
    if (this.#opaque) return;
    for (const packet of this.#server.push(bytes)) this.#serverPacket(packet);
  }

  #clientPacket({ sequence, payload }: MysqlPacket): void {
    if (this.#capabilities === undefined) {
      this.#clientHello(payload);
      return;
    }
    // The packets of a log-in and of an uploaded file count on; only a command begins at 0.
    if (sequence !== 0 || payload.length === 0) return;
    const rest = payload.subarray(1);
    switch (payload[0]) {
      case command.query:
        this.#query(rest);
        break;
      case command.prepare:
        this.#preparing = rest.toString();
        break;
      case command.execute:
        this.#execute(rest);
        break;
      case command.close:
        if (rest.length >= 4) this.#prepared.delete(rest.readUInt32LE());
        break;
    }
  }

  #clientHello(payload: Buffer): void {
    const wanted = payload.length >= 4 ? payload.readUInt32LE() : 0;
    this.#capabilities = wanted & (this.#serverCapabilities ?? 0);
    const hidden = capability.ssl | capability.compress | capability.zstd;
    if ((this.#capabilities & hidden) === 0) return;
    this.#opaque = true;
    this.#onOpaque();
  }

  #query(rest: Buffer): void {
    const withAttributes = ((this.#capabilities ?? 0) & capability.attributes) !== 0;
    if (!withAttributes) this.#onStatement(rest.toString());
    // The number of attributes, and of sets of them, which is always one.
    else if (rest[0] === 0) this.#onStatement(rest.subarray(2).toString());
  }

  #execute(rest: Buffer): void {
    const text = rest.length >= 4 ? this.#prepared.get(rest.readUInt32LE()) : undefined;
    if (text !== undefined) this.#onStatement(text);
  }

  #serverPacket({ payload }: MysqlPacket): void {
    if (this.#serverCapabilities === undefined) {
      this.#serverCapabilities = greetedCapabilities(payload);
      return;
    }
    if (this.#preparing === undefined) return;
    if (payload[0] === 0 && payload.length >= 5) {
      this.#prepared.set(payload.readUInt32LE(1), this.#preparing);
    }
    this.#preparing = undefined;
  }
}

/** Protocol, version text, thread, part of a challenge, then two halves with a gap between. */
function greetedCapabilities(greeting: Buffer): number {
  const lower = greeting.indexOf(0, 1) + 1 + 4 + 8 + 1;
  const upper = lower + 2 + 1 + 2;
  if (greeting.length < upper + 2) return 0;
  return greeting.readUInt16LE(lower) | (greeting.readUInt16LE(upper) << 16);
}

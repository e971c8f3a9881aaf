/** One packet of the MySQL protocol. */
export interface MysqlPacket {
  /** 0 for a packet that begins a command; counts up within a command and its reply. */
  readonly sequence: number;
  /** The first bytes of the payload, at most as many as the framer keeps. */
  readonly payload: Buffer;
}

const headerLength = 4;

/**
 * Finds the packets in a stream of bytes that arrives in pieces: a piece may hold many packets, and
 * a packet may come in many pieces. Each packet is reported once, when its last byte has arrived.
 */
export class MysqlPacketFramer {
  readonly #keep: number;
  readonly #header = Buffer.alloc(headerLength);
  #headerBytes = 0;
  #missing = 0;
  #kept: Buffer[] = [];
  #keptBytes = 0;

  /** @param keep how many bytes of each payload are reported; the rest is counted, not stored. */
  constructor(keep: number) {
    this.#keep = keep;
  }

  /** The packets that these bytes complete. */
  push(bytes: Buffer): MysqlPacket[] {
    const packets: MysqlPacket[] = [];
    let rest = bytes;
    while (rest.length > 0) {
      rest = this.#headerBytes < headerLength ? this.#takeHeader(rest) : this.#takePayload(rest);
      if (this.#headerBytes === headerLength && this.#missing === 0) packets.push(this.#finish());
    }
    return packets;
  }

  #takeHeader(bytes: Buffer): Buffer {
    const taken = bytes.copy(this.#header, this.#headerBytes);
    this.#headerBytes += taken;
    if (this.#headerBytes === headerLength) this.#missing = this.#header.readUIntLE(0, 3);
    return bytes.subarray(taken);
  }

  #takePayload(bytes: Buffer): Buffer {
    const taken = bytes.subarray(0, this.#missing);
    this.#missing -= taken.length;
    const kept = taken.subarray(0, this.#keep - this.#keptBytes);
    if (kept.length > 0) this.#kept.push(kept);
    this.#keptBytes += kept.length;
    return bytes.subarray(taken.length);
  }

  #finish(): MysqlPacket {
    const packet = { sequence: this.#header.readUInt8(3), payload: Buffer.concat(this.#kept) };
    this.#headerBytes = 0;
    this.#kept = [];
    this.#keptBytes = 0;
    return packet;
  }
}

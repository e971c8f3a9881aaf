import { describe, expect, it } from 'vitest';
import { type MysqlPacket, MysqlPacketFramer } from '../../../src/testing/chaos/mysql-packets.ts';
import { MysqlStatements } from '../../../src/testing/chaos/mysql-statements.ts';

function packet(sequence: number, payload: Buffer | string): Buffer {
  const body = Buffer.from(payload);
  const header = Buffer.alloc(4);
  header.writeUIntLE(body.length, 0, 3);
  header.writeUInt8(sequence, 3);
  return Buffer.concat([header, body]);
}

function pieces(bytes: Buffer, size: number): Buffer[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

describe('MysqlPacketFramer', () => {
  const sent = [
    packet(0, 'select 1'),
    packet(1, ''),
    packet(2, Buffer.alloc(300, 7)),
    packet(0, 'commit'),
  ];
  const expected: MysqlPacket[] = [
    { sequence: 0, payload: Buffer.from('select 1') },
    { sequence: 1, payload: Buffer.from('') },
    { sequence: 2, payload: Buffer.alloc(300, 7) },
    { sequence: 0, payload: Buffer.from('commit') },
  ];

  it('finds packets that were joined into one chunk', () => {
    expect(new MysqlPacketFramer(1000).push(Buffer.concat(sent))).toEqual(expected);
  });

  it('finds packets that were split anywhere', () => {
    const bytes = Buffer.concat(sent);
    for (let size = 1; size <= bytes.length; size += 1) {
      const framer = new MysqlPacketFramer(1000);
      expect(pieces(bytes, size).flatMap((piece) => framer.push(piece))).toEqual(expected);
    }
  });

  it('reports a packet when its last byte has arrived, and not before', () => {
    const framer = new MysqlPacketFramer(1000);
    const bytes = packet(0, 'commit');
    expect(framer.push(bytes.subarray(0, -1))).toEqual([]);
    expect(framer.push(bytes.subarray(-1))).toHaveLength(1);
  });

  it('keeps only the first bytes of a payload, and stays in step', () => {
    const framer = new MysqlPacketFramer(6);
    const bytes = Buffer.concat([packet(0, 'x'.repeat(100_000)), packet(0, 'commit')]);
    const found = pieces(bytes, 1_000).flatMap((piece) => framer.push(piece));
    expect(found.map(({ payload }) => payload.toString())).toEqual(['xxxxxx', 'commit']);
  });
});

describe('MysqlStatements', () => {
  const attributes = 0x0800_0000;

  function greeting(capabilities: number): Buffer {
    const body = Buffer.alloc(64);
    body.writeUInt8(10, 0);
    const version = '10.11.0-MariaDB';
    body.write(version, 1);
    const lower = 1 + version.length + 1 + 4 + 8 + 1;
    body.writeUInt16LE(capabilities & 0xffff, lower);
    body.writeUInt16LE(capabilities >>> 16, lower + 5);
    return packet(0, body);
  }

  function hello(capabilities: number): Buffer {
    const body = Buffer.alloc(40);
    body.writeUInt32LE(capabilities);
    return packet(1, body);
  }

  function listen(serverCapabilities = 0, clientCapabilities = 0) {
    const seen: string[] = [];
    let opaque = 0;
    const statements = new MysqlStatements(
      (text) => seen.push(text),
      () => {
        opaque += 1;
      },
    );
    statements.fromServer(greeting(serverCapabilities));
    statements.fromClient(hello(clientCapabilities));
    return { statements, seen, opaque: () => opaque };
  }

  const execute = (id: number) => packet(0, Buffer.from([0x17, id, 0, 0, 0, 0, 1, 0, 0, 0]));

  it('tells the text of a query, and of nothing else', () => {
    const { statements, seen } = listen();
    statements.fromClient(packet(3, '\x03not a command: part of a log-in'));
    statements.fromClient(packet(0, '\x0e'));
    statements.fromClient(packet(0, '\x03COMMIT'));
    expect(seen).toEqual(['COMMIT']);
  });

  it('skips the count of query attributes when both sides agreed on them', () => {
    const agreed = listen(attributes, attributes);
    agreed.statements.fromClient(packet(0, '\x03\x00\x01COMMIT'));
    expect(agreed.seen).toEqual(['COMMIT']);

    const refused = listen(0, attributes);
    refused.statements.fromClient(packet(0, '\x03COMMIT'));
    expect(refused.seen).toEqual(['COMMIT']);
  });

  it('tells what an executed statement was prepared with', () => {
    const { statements, seen } = listen();
    statements.fromClient(packet(0, '\x16insert into t values (?)'));
    statements.fromServer(packet(1, Buffer.from([0, 7, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])));
    statements.fromClient(packet(0, '\x16select'));
    statements.fromServer(packet(1, Buffer.from([0xff, 8, 0, 0, 0])));
    expect(seen).toEqual([]);
    statements.fromClient(execute(7));
    statements.fromClient(execute(8));
    statements.fromClient(packet(0, Buffer.from([0x19, 7, 0, 0, 0])));
    statements.fromClient(execute(7));
    expect(seen).toEqual(['insert into t values (?)']);
  });

  it('says once when it cannot read along', () => {
    const ssl = 0x800;
    const { statements, seen, opaque } = listen(ssl, ssl);
    statements.fromClient(packet(0, '\x03COMMIT'));
    expect(seen).toEqual([]);
    expect(opaque()).toBe(1);
  });
});

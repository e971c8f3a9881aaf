import { describe, expect, it } from 'vitest';
import {
  decodeReplies,
  encodeCommand,
  RedisRefusal,
} from '../../../src/testing/chaos/redis-protocol.ts';

it('a command carries lengths in bytes', () => {
  expect(encodeCommand(['SET', 'é', ''])).toBe('*3\r\n$3\r\nSET\r\n$2\r\né\r\n$0\r\n\r\n');
});

describe('replies', () => {
  const whole =
    '+OK\r\n:-7\r\n$4\r\né\r\n\r\n$-1\r\n*-1\r\n*2\r\n*1\r\n$0\r\n\r\n-ERR no\r\n*0\r\n';
  const all = ['OK', -7, 'é\r\n', null, null, [[''], new RedisRefusal('ERR no')], []];

  it('of every type are read', () => {
    expect(decodeReplies(Buffer.from(whole))).toEqual(all);
  });

  it('are read up to the last complete one, wherever the bytes are cut', () => {
    const bytes = Buffer.from(whole);
    for (let length = 0; length < bytes.length; length++) {
      const read = decodeReplies(bytes.subarray(0, length));
      expect(read.length).toBeLessThan(all.length);
      expect(read).toEqual(all.slice(0, read.length));
    }
  });

  it('of another protocol are refused', () => {
    expect(() => decodeReplies(Buffer.from('HTTP/1.1 400\r\n'))).toThrow(/protocol of Redis/);
  });
});

import { networkInterfaces } from 'node:os';
import { expect, it } from 'vitest';
import { isThisMachine } from '../../../src/tls/this-machine.ts';

const own = Object.values(networkInterfaces()).flatMap((addresses) =>
  (addresses ?? []).map(({ address }) => address),
);

it.each(['localhost', 'LOCALHOST', '127.0.0.1', '127.1.2.3', '[::1]', ...own])(
  '%s is this machine',
  (host) => expect(isThisMachine(host)).toBe(true),
);

it.each(['db.example', '127.0.0.1.example', '128.0.0.1', '203.0.113.7', '[2001:db8::1]', ''])(
  '%s is another one',
  (host) => expect(isThisMachine(host)).toBe(false),
);

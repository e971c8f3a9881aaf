import { expect, it } from 'vitest';
import { forEachRedisKind } from '../../support/redis/redis-kinds.ts';

forEachRedisKind(({ kind, major, open, servers }) => {
  it('what a script wrote is read by another client', async () => {
    const [writer, reader] = [open(), open()];
    if (writer === false || reader === false) {
      expect([kind, major, writer, reader]).toEqual(['memory', undefined, false, false]);
      return;
    }
    const script = "return redis.call('SET', KEYS[1], ARGV[1])";
    expect(await writer.eval(script, 1, '{key}:value', 'written')).toBe('OK');
    expect(await reader.get('{key}:value')).toBe('written');
    expect(servers().kind).toBe(kind);
  });

  it('what is published reaches a subscriber', async () => {
    const [publisher, subscriber] = [open(), open()];
    if (publisher === false || subscriber === false) {
      expect(kind).toBe('memory');
      return;
    }
    const heard = new Promise((resolve) => {
      const emitter: NodeJS.EventEmitter = subscriber;
      emitter.once('message', (channel: string, text: string) => resolve([channel, text]));
    });
    await subscriber.subscribe('news');
    await publisher.publish('news', 'told');
    expect(await heard).toEqual(['news', 'told']);
  });
});

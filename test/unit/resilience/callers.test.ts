import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { createGuard } from 'meridian/resilience';
import { expect, it, vi } from 'vitest';

const request = new AsyncLocalStorage<string>();
const users = ['ada', 'grace', 'edsger', 'barbara'];

it('C1: work, retry and fallback run in the context of their caller, also after a wait in the queue', async () => {
  const guard = createGuard('stock', { concurrency: 1, retries: 1 });
  const asUser = (user: string) => async () => {
    const seen: unknown[] = [];
    const note = () => seen.push(request.getStore());
    await guard.run(
      async () => {
        await pause(1);
        note();
        throw new Error('down');
      },
      { retry: () => note() > 0, fallback: note },
    );
    return seen.every((one) => one === user) && seen.length >= 3;
  };
  const seen = await Promise.all(users.map((user) => request.run(user, asUser(user))));
  expect(seen).toEqual(users.map(() => true));
});

it('C1: a probe runs in the context in which its guard was made', async () => {
  const seen = vi.fn();
  const guard = request.run('owner', () =>
    createGuard('stock', {
      failures: 1,
      openMs: 1,
      probe: async () => seen(request.getStore()),
    }),
  );
  await request.run('ada', async () => {
    await guard.run(() => Promise.reject(new Error('down'))).catch(() => {});
    await pause(5);
    await guard.run(async () => 1).catch(() => {});
  });
  await vi.waitFor(() => expect(seen).toHaveBeenCalledWith('owner'));
});

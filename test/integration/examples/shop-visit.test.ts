import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { Client } from '../../../examples/shop/local/client.ts';
import { isAlive } from '../../support/processes.ts';

interface Visit {
  readonly process: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
}

/** What `npm run example` runs once everything is installed, in a terminal of its own. */
function visit(...args: string[]): Visit {
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/shop/visit.ts', ...args], {
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  onTestFinished(() => {
    if (child.exitCode === null) child.kill('SIGKILL');
  });
  const ended = once(child, 'exit').then(([code]) => code);
  return { process: child, output: () => output, ended };
}

it('the visit ends well, and goes on while the topology changes', async () => {
  const { ended, output } = visit('--swap');
  expect({ code: await ended, output: output() }).toMatchObject({ code: 0 });
  expect(output()).toMatch(/example: ok/);
  expect(output().match(/✓/g)).toHaveLength(12);
}, 120_000);

it('with --keep the shop stays open until Ctrl-C, and then leaves nothing behind', async () => {
  const { ended, output, process: child } = visit('--keep');
  await expect.poll(output, { timeout: 60_000 }).toContain('curl http');
  const [, gateway = '', body] = output().match(/curl (\S+)\/users .*-d '([^']+)'/s) ?? [];
  expect(await new Client(gateway).ask('POST', '/users', body)).toMatchObject({ status: 201 });
  const children = await descendantsOf(child.pid ?? 0);
  expect(children.length).toBeGreaterThanOrEqual(9 + 5);
  // As a terminal does: everything in the foreground gets it.
  process.kill(-(child.pid ?? 0), 'SIGINT');
  expect({ code: await ended, output: output() }).toMatchObject({ code: 0 });
  expect(children.filter(isAlive)).toEqual([]);
}, 120_000);

async function descendantsOf(pid: number): Promise<number[]> {
  const ps = spawn('ps', ['-eo', 'pid=,ppid=']);
  let listed = '';
  ps.stdout.setEncoding('utf8').on('data', (text: string) => {
    listed += text;
  });
  await once(ps, 'close');
  const parents = listed
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const found = [pid];
  for (const one of found) {
    for (const [child = 0, parent] of parents) if (parent === one) found.push(child);
  }
  return found.slice(1).filter((one) => one !== ps.pid);
}

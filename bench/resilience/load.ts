import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { quantile } from '../measure.ts';
import { type Answers, answersSchema, type LoadOrder, type ServiceOrder } from './orders.ts';

const start = (file: URL) => fork(fileURLToPath(file), { execArgv: ['--import', 'tsx'] });

/** A service in a process of its own. */
export async function startService(order: ServiceOrder): Promise<{ port: number; stop(): void }> {
  const child = start(new URL('./service.ts', import.meta.url));
  child.send(order);
  const { port } = z.object({ port: z.number() }).parse(await answerOf(child));
  return { port, stop: () => child.kill('SIGKILL') };
}

/** The generator of load, in a process of its own. */
export class Generator {
  readonly #child = start(new URL('./generator.ts', import.meta.url));

  async run(order: LoadOrder): Promise<Answers> {
    this.#child.send(order);
    return answersSchema.parse(await answerOf(this.#child));
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const answered = new AbortController();
  const { signal } = answered;
  try {
    const ended = once(child, 'exit', { signal }).then(() => {
      throw new Error('a process of the bench ended');
    });
    const [message] = await Promise.race([once(child, 'message', { signal }), ended]);
    return message;
  } finally {
    answered.abort();
  }
}

/** What came of the requests that were due in a part of a run. */
export function summarise(
  { shard, dueMs, answeredMs, status }: Answers,
  wanted: (request: { shard: number; dueMs: number }) => boolean,
) {
  const latencies: number[] = [];
  const failures: number[] = [];
  let asked = 0;
  for (const [index, due] of dueMs.entries()) {
    if (!wanted({ shard: shard[index] ?? 0, dueMs: due })) continue;
    asked++;
    const answered = answeredMs[index] ?? null;
    if (answered === null) continue;
    (status[index] === 'ok' ? latencies : failures).push(answered - due);
  }
  return {
    asked,
    latencies,
    failures,
    p99Ms: quantile(latencies, 0.99) ?? Number.NaN,
    /** Answered well, and in time. */
    within: (limitMs: number) => latencies.filter((ms) => ms <= limitMs).length,
  };
}

import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { type Answers, type LoadOrder, loadOrder } from './orders.ts';

/**
 * A child process that sends requests to a service. Open loops go by the clock: a request that is
 * answered late does not delay the next, and its wait counts from when it was due.
 */

const tickMs = 2;
/** How long answers are waited for after the last request. */
const graceMs = 1_500;

const clock = () => performance.timeOrigin + performance.now();

function load({ port, shards, seconds, inFlight, perSecond }: LoadOrder): Promise<Answers> {
  const answers: Answers = { shard: [], dueMs: [], answeredMs: [], status: [] };
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    socket.on('error', reject);
    const beganMs = clock();
    const endMs = beganMs + seconds * 1_000;
    const lines: string[] = [];
    const ask = (dueMs: number) => {
      const number = answers.dueMs.length;
      const shard = number % shards;
      answers.shard.push(shard);
      answers.dueMs.push(dueMs);
      answers.answeredMs.push(null);
      answers.status.push('');
      lines.push(`${number} ${shard}\n`);
    };
    const flush = () => {
      if (lines.length > 0) socket.write(lines.splice(0).join(''));
    };
    createInterface({ input: socket }).on('line', (line) => {
      const [number = '', status = ''] = line.split(' ');
      answers.answeredMs[Number(number)] = clock();
      answers.status[Number(number)] = status;
      if (inFlight !== undefined && clock() < endMs) {
        ask(clock());
        flush();
      }
    });
    socket.once('connect', () => {
      for (let count = 0; count < (inFlight ?? 0); count++) ask(clock());
      flush();
      const tick = setInterval(() => {
        const now = clock();
        if (perSecond !== undefined) {
          for (;;) {
            const dueMs = beganMs + (answers.dueMs.length * 1_000) / perSecond;
            if (dueMs > Math.min(now, endMs)) break;
            ask(dueMs);
          }
          flush();
        }
        if (now < endMs + graceMs) return;
        clearInterval(tick);
        socket.destroy();
        resolve(answers);
      }, tickMs);
    });
  });
}

process.on('message', (message) => {
  load(loadOrder.parse(message)).then(
    (answers) => process.send?.(answers),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit());

import { Deadline } from '../../../src/resilience/time/deadline.ts';
import { ServerSessions } from '../servers/server-sessions.ts';

/** What a process of its own, with authorities of its own, makes of each of the addresses that it is given. */
const sessions = new ServerSessions();
const answers: string[] = [];
for (const url of process.argv.slice(2)) {
  const pool = sessions.pool(url);
  const deadline = new Deadline(10_000);
  try {
    const session = await pool.acquire(deadline);
    await session.run({ sql: 'SELECT 1', params: [] }, deadline);
    session.release();
    answers.push('connected');
  } catch (error) {
    answers.push(String(error));
  } finally {
    deadline.end();
  }
}
await sessions.close();
process.stdout.write(JSON.stringify(answers));

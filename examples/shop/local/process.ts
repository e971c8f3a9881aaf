import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { programOf, type ServiceName } from './programs.ts';

/** More than a service gives the requests that are under way. */
const longestEndMs = 10_000;
const ready = z.object({ url: z.string() });

/** One of the services in a process of its own. */
export class ServiceProcess {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  /** Resolves when it listens. It ends with this process, whatever becomes of that. */
  static async start(
    name: ServiceName,
    env: Readonly<Record<string, string>>,
    onLog: (line: string) => void,
  ): Promise<ServiceProcess> {
    const child = fork(await programOf(name), [], {
      env: { ...process.env, PORT: '0', ...env },
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    let tail = '';
    for (const input of [child.stdout, child.stderr]) {
      if (input === null) continue;
      createInterface({ input }).on('line', (line) => {
        tail = `${tail}${line}\n`.slice(-2_000);
        onLog(`${line}\n`);
      });
    }
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`${name} ended with ${code} before it listened:\n${tail}`);
    });
    const [message] = await Promise.race([once(child, 'message'), ended]);
    return new ServiceProcess(child, ready.parse(message).url);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Resolves with its exit code; null when it had to be killed. */
  async stop(): Promise<number | null> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return exitCode;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), longestEndMs);
    const [code] = await ended;
    clearTimeout(timer);
    return code;
  }
}

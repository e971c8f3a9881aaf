import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { z } from 'zod';

const end = z.object({ open: z.array(z.string()), failure: z.string().optional() });

/** Runs pages in one process, begun anew when a page has ended it. */
export class PageProcess {
  readonly #runner: string;
  readonly #settings: { readonly cwd: string; readonly env: NodeJS.ProcessEnv };
  #child: ChildProcess | undefined;
  #output = '';

  constructor(runner: string, settings: { readonly cwd: string; readonly env: NodeJS.ProcessEnv }) {
    this.#runner = runner;
    this.#settings = settings;
  }

  /** @throws {Error} when the page failed, left something open, or ended the process. */
  async run(file: string): Promise<void> {
    this.#output = '';
    const child = await this.#running();
    child.send(file);
    const { open, failure } = end.parse(await this.#answer(child));
    if (failure === undefined && open.length === 0) return;
    await this.stop();
    throw new Error(`${failure ?? `it leaves open: ${open.join(', ')}`}\n${this.#output}`);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  async #running(): Promise<ChildProcess> {
    if (this.#child !== undefined) return this.#child;
    const child = fork(this.#runner, [], {
      ...this.#settings,
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    this.#child = child;
    await this.#answer(child);
    return child;
  }

  async #answer(child: ChildProcess): Promise<unknown> {
    const given = new AbortController();
    const ended = once(child, 'exit', given).then(([code, signal]) => {
      this.#child = undefined;
      throw new Error(`the process ended with ${signal ?? code}:\n${this.#output}`);
    });
    try {
      const [message]: unknown[] = await Promise.race([once(child, 'message', given), ended]);
      return message;
    } finally {
      ended.catch(() => undefined);
      given.abort();
    }
  }
}

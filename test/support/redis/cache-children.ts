import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually } from '../eventually.ts';
import { programFile } from '../programs.ts';
import type { ChildOptions, Said, Told } from './cache-child.ts';

const program = fileURLToPath(new URL('./cache-child.ts', import.meta.url));

/** Another process with a cache. */
export class CacheChild {
  readonly said: Said[] = [];
  readonly #process: ChildProcess;
  #output = '';

  private constructor(bundle: string, options: ChildOptions) {
    this.#process = fork(bundle, [JSON.stringify(options)], {
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    this.#process.on('message', (said: Said) => this.said.push(said));
  }

  static async start(options: ChildOptions): Promise<CacheChild> {
    const child = new CacheChild(await programFile(program), options);
    await child.has('ready');
    return child;
  }

  get loads(): number {
    return this.said.filter(({ is }) => is === 'loading').length;
  }

  /** The values that its last question was answered with, each once. */
  get answers(): ReadonlySet<string | null> {
    const last = this.said.findLast((said) => said.is === 'answered');
    return new Set(last?.values);
  }

  tell(told: Told): void {
    this.#process.send(told);
  }

  /** Resolves once it has said something so many times. */
  async has(what: Said['is'], times = 1): Promise<void> {
    await eventually(
      () => {
        if (this.#process.exitCode !== null) throw new Error(`the child ended:\n${this.#output}`);
        const found = this.said.filter(({ is }) => is === what).length;
        if (found < times) throw new Error(`not ${what} ${times} times:\n${this.#output}`);
      },
      { timeout: 15_000, interval: 5 },
    );
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process.kill(name);
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await gone;
  }
}

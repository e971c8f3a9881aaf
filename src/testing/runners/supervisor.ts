import { type ChildProcess, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { TestingError } from '../testing-error.ts';
import type { EngineAddress } from './container-engine.ts';
import { supervisorScript } from './supervisor-script.ts';

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A process that cannot outlive this one. */
export interface SupervisedProcess {
  readonly pid: number;
  /** `undefined` while it runs. */
  readonly exit: Exit | undefined;
  /** Resolves when it has ended; never rejects. */
  ended(): Promise<Exit>;
  /** Sends a signal; does nothing when the process has ended. */
  signal(name: NodeJS.Signals): Promise<void>;
}

interface Answer {
  readonly id?: number;
  readonly pid?: number;
  readonly error?: string;
  readonly exited?: number;
  readonly code?: number | null;
  readonly signal?: string | null;
}

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/**
 * The supervisor of one cluster, seen from the test process: starts servers, signals them, and
 * ends them all when it is told to, or when this process is gone.
 */
export class Supervisor {
  /** The temporary folder of the cluster; deleted at the end. */
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #gone: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #running = new Map<number, (exit: Exit) => void>();
  readonly #removals: Readonly<Record<string, unknown>>[] = [];
  #lastId = 0;
  #awaited = 0;
  #ending = false;

  /** @throws TestingError when no process can be started or no temporary folder made. */
  static async start(): Promise<Supervisor> {
    const child = spawn(process.execPath, ['--input-type=commonjs', '-e', supervisorScript], {
      // A session of its own: Ctrl-C in the terminal must reach the tests first.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: withoutNodeSettings(process.env),
    });
    return new Supervisor(child, await folderOf(child));
  }

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.folder = folder;
    if (child.stdout) createInterface(child.stdout).on('line', (line) => this.#hear(line));
    // A write to a supervisor that was killed fails; its exit says so too, and is acted on.
    child.stdin?.on('error', () => this.#abandon());
    this.#gone = new Promise((resolve) => child.once('exit', resolve)).then(() => this.#clear());
    this.#holdEventLoop();
  }

  /** Whether the end of the cluster has begun. */
  get ending(): boolean {
    return this.#ending;
  }

  /** @throws TestingError when the file cannot be executed, or the cluster was stopped. */
  async spawn(file: string, args: readonly string[], log: string): Promise<SupervisedProcess> {
    const { pid } = await this.#ask({ do: 'spawn', file, args, log });
    if (pid === undefined) throw new TestingError(`'${file}' was started without a process id.`);
    let exit: Exit | undefined;
    const ended = new Promise<Exit>((resolve) => {
      this.#running.set(pid, (how) => {
        exit = how;
        resolve(how);
      });
    });
    return {
      pid,
      get exit() {
        return exit;
      },
      ended: () => this.#awaiting(ended),
      signal: async (name) => {
        if (exit === undefined) await this.#ask({ do: 'signal', pid, signal: name });
      },
    };
  }

  /** Has the containers with that label, and the network of that name, removed at the end. */
  async removeAtEnd(address: EngineAddress, label: string, cluster: string): Promise<void> {
    const request = { do: 'removeAtEnd', address, label, cluster };
    this.#removals.push(request);
    await this.#ask(request);
  }

  /** Kills every process, removes every container, deletes the folder, and resolves when that is done. */
  async end(): Promise<void> {
    this.#ending = true;
    this.#child.stdin?.end();
    await this.#awaiting(this.#gone);
  }

  #ask(request: Readonly<Record<string, unknown>>): Promise<Answer> {
    if (this.#ending || this.#child.exitCode !== null || this.#child.signalCode !== null) {
      return Promise.reject(clusterStopped());
    }
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    this.#child.stdin?.write(`${JSON.stringify({ id, ...request })}\n`);
    return this.#awaiting(answer);
  }

  #hear(line: string): void {
    const answer: Answer = JSON.parse(line);
    if (answer.exited !== undefined) {
      const { code = null, signal = null } = answer;
      this.#running.get(answer.exited)?.({ code, signal });
      this.#running.delete(answer.exited);
    }
    if (answer.id === undefined) return;
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.error === undefined) waiting?.resolve(answer);
    else waiting?.reject(new TestingError(`A process did not start: ${answer.error}`));
  }

  async #clear(): Promise<void> {
    const orphans = [...this.#running.keys()];
    const wasTold = this.#ending;
    this.#ending = true;
    this.#abandon();
    if (wasTold) return;
    // Someone killed the supervisor: the cluster ends with it, and what it left is ours to remove.
    for (const pid of orphans) killIfAlive(pid);
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10 });
    if (this.#removals.length === 0) return;
    const heir = await Supervisor.start();
    for (const removal of this.#removals) await heir.#ask(removal);
    await heir.end();
  }

  #abandon(): void {
    for (const { reject } of this.#waiting.values()) {
      reject(new TestingError('The cluster was stopped while one of its servers was starting.'));
    }
    this.#waiting.clear();
    for (const end of this.#running.values()) end({ code: null, signal: 'SIGKILL' });
    this.#running.clear();
  }

  async #awaiting<T>(promise: Promise<T>): Promise<T> {
    this.#awaited += 1;
    this.#holdEventLoop();
    try {
      return await promise;
    } finally {
      this.#awaited -= 1;
      this.#holdEventLoop();
    }
  }

  /** An idle cluster must not keep a finished test process alive; an awaited answer must. */
  #holdEventLoop(): void {
    const verb = this.#awaited > 0 ? 'ref' : 'unref';
    this.#child[verb]();
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) {
      if (stream instanceof Socket) stream[verb]();
    }
  }
}

export function clusterStopped(): TestingError {
  return new TestingError('The cluster was stopped. Start a new one.');
}

/** The supervisor's first line names its folder. */
function folderOf(child: ChildProcess): Promise<string> {
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  return new Promise((resolve, reject) => {
    const fail = (cause?: Error) =>
      reject(new TestingError(`The supervisor did not start. ${complaint.trim()}`, { cause }));
    child.once('error', fail);
    child.once('close', () => fail());
    child.stdout?.once('data', (line: Buffer) => {
      const { folder }: { folder: string } = JSON.parse(line.toString());
      resolve(folder);
    });
  });
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    const gone = error instanceof Error && 'code' in error && error.code === 'ESRCH';
    if (!gone) throw error;
  }
}

/** The loaders and inspectors of a test run are not meant for the supervisor. */
function withoutNodeSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, NODE_V8_COVERAGE: __, ...rest } = env;
  return rest;
}

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { programFile } from '../../support/programs.ts';
import type { SeededRandom } from '../../support/seeded-random.ts';
import type { WorkerPlan } from '../worker/plan.ts';
import type { Fault } from './fault.ts';
import type { Seat } from './redis-under-test.ts';

const program = fileURLToPath(new URL('../worker/worker.ts', import.meta.url));
const patienceMs = 15_000;

export type CrewPlan = Omit<WorkerPlan, 'name' | 'seed' | 'redis' | 'historyFile'>;

interface Member {
  readonly name: string;
  readonly child: ChildProcess;
  /** Resolves with what it printed when it ended by itself and badly. */
  readonly ended: Promise<string | undefined>;
}

/** The worker processes, one in each seat. */
export class Crew {
  readonly folder: string;
  readonly #plan: CrewPlan;
  readonly #random: SeededRandom;
  readonly #seats: readonly Seat[];
  readonly #members = new Map<Seat, Member>();
  #started = 0;

  constructor(plan: CrewPlan, seats: readonly Seat[], folder: string, random: SeededRandom) {
    this.#plan = plan;
    this.#seats = seats;
    this.#random = random;
    this.folder = folder;
  }

  async start(): Promise<void> {
    await Promise.all(this.#seats.map((seat) => this.#launch(seat)));
  }

  get faults(): Fault[] {
    return [
      {
        name: 'worker killed',
        subject: 'worker',
        strike: async (random) => {
          const seat = random.pick(this.#seats);
          const { name, child, ended } = this.#member(seat);
          child.kill('SIGKILL');
          await ended;
          return { what: `${name} was killed`, mend: () => this.#launch(seat) };
        },
      },
      {
        name: 'worker frozen',
        subject: 'worker',
        strike: async (random) => {
          const { name, child } = this.#member(random.pick(this.#seats));
          child.kill('SIGSTOP');
          return {
            what: `${name} is frozen`,
            mend: async () => {
              child.kill('SIGCONT');
            },
          };
        },
      },
    ];
  }

  /**
   * Lets all finish what they do.
   *
   * @throws {Error} when one ended badly or does not end: then something hangs.
   */
  async stop(): Promise<void> {
    const members = [...this.#members.values()];
    for (const { child } of members) child.kill('SIGTERM');
    const hanging = new Set(members.map(({ name }) => name));
    const patience = setTimeout(() => {
      for (const { child } of members) child.kill('SIGKILL');
    }, patienceMs);
    const ends = await Promise.all(
      members.map(async ({ name, child, ended }) => {
        const failure = await ended;
        if (child.signalCode !== 'SIGKILL') hanging.delete(name);
        return failure;
      }),
    );
    clearTimeout(patience);
    const failures = ends.filter((failure) => failure !== undefined);
    if (failures.length > 0) throw new Error(failures.join('\n'));
    if (hanging.size > 0) throw new Error(`these do not end: ${[...hanging].join(', ')}`);
  }

  /** Ends all at once. */
  abandon(): void {
    for (const { child } of this.#members.values()) child.kill('SIGKILL');
  }

  #member(seat: Seat): Member {
    const member = this.#members.get(seat);
    if (member === undefined) throw new TypeError('a worker was looked for before it was started');
    return member;
  }

  async #launch(seat: Seat): Promise<void> {
    const name = `${seat.worker}.${++this.#started}`;
    const plan: WorkerPlan = {
      ...this.#plan,
      name,
      seed: this.#random.below(2 ** 32),
      redis: seat.redis,
      historyFile: join(this.folder, `${name}.jsonl`),
    };
    const args = [await programFile(program), JSON.stringify(plan)];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    let output = '';
    const ready = new Promise<void>((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          output += text;
          if (output.startsWith('ready\n')) resolve();
        });
      }
    });
    const ended = new Promise<string | undefined>((resolve) => {
      child.once('close', (code, signal) => {
        const isExpected = code === 0 || signal === 'SIGKILL';
        resolve(isExpected ? undefined : `${name} ended with ${signal ?? code}:\n${output}`);
      });
    });
    this.#members.set(seat, { name, child, ended });
    await Promise.race([ready, ended]);
  }
}

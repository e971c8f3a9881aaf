import { Socket } from 'node:net';
import { TestingError } from '../testing-error.ts';
import type { ChaosFaults, Direction, ReplyDrop } from './chaos-faults.ts';
import { ChaosLane, type LaneOwner } from './chaos-lane.ts';
import { MysqlStatements } from './mysql-statements.ts';
import { resetSocket } from './reset-socket.ts';

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** One client connection and the connection to the server that was opened for it. */
export class ChaosConnection {
  /** Resolves when both sides are closed. */
  readonly closed: Promise<void>;
  readonly #client: Socket;
  readonly #server = new Socket({ allowHalfOpen: true });
  readonly #target: Target;
  readonly #faults: ChaosFaults;
  readonly #toServer: ChaosLane;
  readonly #toClient: ChaosLane;
  readonly #statements: MysqlStatements;
  #dialled = false;
  #connected = false;
  #dropping: { readonly drop: ReplyDrop; readonly statement: string } | undefined;
  /** What `cutAfter` counts: since that fault was set, or since the connection began. */
  #counted: { cut: unknown; bytes: number } = { cut: undefined, bytes: 0 };

  constructor(client: Socket, target: Target, faults: ChaosFaults) {
    this.#client = client;
    this.#target = target;
    this.#faults = faults;
    client.setNoDelay(true);
    this.#server.setNoDelay(true);
    this.#statements = new MysqlStatements(
      (text) => this.#seen(text),
      () => faults.abandonDrops('The connection is encrypted or compressed: no statement is seen.'),
    );
    this.#toServer = new ChaosLane(client, this.#server, this.#laneOwner('toServer'));
    this.#toClient = new ChaosLane(this.#server, client, this.#laneOwner('toClient'));
    this.#server.on('connect', () => {
      this.#connected = true;
      this.pump();
    });
    this.closed = this.#bothClosed();
    this.pump();
  }

  /** Acts on what has changed: new faults, or a new connection. */
  pump(): void {
    if (!this.#dialled && !this.#faults.settings.blackHole) {
      this.#dialled = true;
      this.#server.connect(this.#target);
    }
    this.#toServer.pump();
    this.#toClient.pump();
  }

  /** Ends both sides with a TCP reset. */
  reset(): void {
    this.#forget();
    resetSocket(this.#client);
    if (this.#connected) resetSocket(this.#server);
    else this.#server.destroy();
  }

  /** Ends both sides; what was handed to the kernel still arrives. */
  cut(): void {
    this.#forget();
    this.#client.destroy();
    this.#server.destroy();
  }

  #laneOwner(direction: Direction): LaneOwner {
    const connection = this;
    return {
      faults: this.#faults,
      get open() {
        return direction === 'toClient' || connection.#connected;
      },
      allowance: () => this.#allowance(direction),
      cut: () => this.cut(),
      pass: (bytes) => this.#pass(direction, bytes),
      passed: () => {
        if (this.#allowance(direction) <= 0) this.cut();
      },
    };
  }

  #pass(direction: Direction, bytes: Buffer): boolean {
    if (direction === 'toClient' && this.#dropping) {
      this.#drop(this.#dropping);
      return false;
    }
    const { cut } = this.#faults.settings;
    if (cut && this.#counted.cut !== cut) this.#counted = { cut, bytes: 0 };
    if (cut && (cut.direction ?? direction) === direction) this.#counted.bytes += bytes.length;
    if (direction === 'toServer') this.#statements.fromClient(bytes);
    else this.#statements.fromServer(bytes);
    return true;
  }

  #allowance(direction: Direction): number {
    const { cut } = this.#faults.settings;
    if (!cut || (cut.direction ?? direction) !== direction) return Number.POSITIVE_INFINITY;
    return this.#counted.cut === cut ? cut.bytes - this.#counted.bytes : cut.bytes;
  }

  #seen(statement: string): void {
    const drop = this.#faults.takeDropFor(statement);
    if (drop) this.#dropping = { drop, statement };
  }

  #drop({ drop, statement }: { drop: ReplyDrop; statement: string }): void {
    this.#dropping = undefined;
    this.reset();
    drop.resolve(statement);
  }

  #forget(): void {
    this.#toServer.close();
    this.#toClient.close();
    this.#dropping?.drop.reject(
      new TestingError('The connection ended before the server replied to the statement.'),
    );
    this.#dropping = undefined;
  }

  async #bothClosed(): Promise<void> {
    const closed = [this.#client, this.#server].map(
      (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
    );
    await Promise.all(closed);
    this.#forget();
  }
}

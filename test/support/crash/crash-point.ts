import mysql from 'mysql2';

/** Where a life ends: before its Nth statement is sent, or after the reply to it. */
export interface CrashPoint {
  /** Counting begins with the first statement that holds this text; without it, with the next one. */
  readonly from?: string;
  /** From 1 on; 0: at none, they are only counted. */
  readonly statement: number;
  readonly moment: 'before' | 'after';
}

type Done = (...args: unknown[]) => void;
type Send = (this: object, ...args: unknown[]) => unknown;

/** By the host that its connections name; `undefined` is for all of this process. */
const counted = new Map<string | undefined, CountedStatements>();

/** What the driver is given to send. It is the driver that is changed: what is tested has no hooks. */
export class CountedStatements {
  readonly #point: CrashPoint;
  readonly #die: () => void;
  #seen = 0;

  private constructor(point: CrashPoint, die: () => void) {
    this.#point = point;
    this.#die = die;
  }

  /** Counts from now on, and calls `die` at the point. */
  static begin(host: string | undefined, point: CrashPoint, die: () => void): CountedStatements {
    changeDriver();
    const statements = new CountedStatements(point, die);
    counted.set(host, statements);
    return statements;
  }

  static end(host: string | undefined): void {
    counted.delete(host);
  }

  get seen(): number {
    return this.#seen;
  }

  pass(send: Send, connection: object, args: unknown[]): unknown {
    const { from = '', statement, moment } = this.#point;
    const [sql] = args;
    const isBegun = this.#seen > 0 || (typeof sql === 'string' ? sql.includes(from) : from === '');
    if (!isBegun || ++this.#seen !== statement) return send.apply(connection, args);
    if (moment === 'before') {
      this.#die();
      return send.apply(connection, args);
    }
    const done = args.pop();
    const thenDie: Done = (...results) => {
      this.#die();
      if (typeof done === 'function') done(...results);
    };
    return send.apply(connection, [...args, thenDie]);
  }
}

let isChanged = false;

function changeDriver(): void {
  if (isChanged) return;
  isChanged = true;
  const prototype: object = Reflect.get(mysql, 'Connection').prototype;
  for (const method of ['execute', 'query']) {
    const send: Send = Reflect.get(prototype, method);
    Reflect.set(prototype, method, function (this: object, ...args: unknown[]) {
      const host: unknown = Reflect.get(Object(Reflect.get(this, 'config')), 'host');
      const statements = counted.get(String(host)) ?? counted.get(undefined);
      return statements === undefined ? send.apply(this, args) : statements.pass(send, this, args);
    });
  }
}

import mysql from 'mysql2';

/** Where a process kills itself: before its Nth statement is sent, or after the reply to it. */
export interface KillPoint {
  /** Counting begins with the first statement that holds this text. */
  readonly from: string;
  readonly statement: number;
  readonly moment: 'before' | 'after';
}

type Done = (...args: unknown[]) => void;

/**
 * Makes this process die by SIGKILL at a point of its traffic with the databases. It changes the
 * driver, not Meridian: what is tested has no hooks.
 */
export function killAt({ from, statement, moment }: KillPoint): void {
  let seen = 0;
  const die = () => process.kill(process.pid, 'SIGKILL');
  const prototype: object = Reflect.get(mysql, 'Connection').prototype;
  for (const method of ['execute', 'query']) {
    const original: (...args: unknown[]) => unknown = Reflect.get(prototype, method);
    Reflect.set(prototype, method, function (this: unknown, ...args: unknown[]) {
      const [sql] = args;
      if (seen === 0 && !(typeof sql === 'string' && sql.includes(from))) {
        return original.apply(this, args);
      }
      if (++seen !== statement) return original.apply(this, args);
      if (moment === 'before') die();
      const done = args.pop();
      const thenDie: Done = (...results) => {
        die();
        if (typeof done === 'function') done(...results);
      };
      return original.apply(this, [...args, thenDie]);
    });
  }
}

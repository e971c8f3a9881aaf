import { Socket } from 'node:net';

type Connect = (this: Socket, ...args: unknown[]) => Socket;

const lives = new Map<string, Life>();
let begun = 0;

/**
 * A process within this process, as servers see it. It knows them by a loopback address of its own, which
 * leads to them for as long as the life lasts: every socket that it opens is known by it. `sever` is to
 * servers what SIGKILL is: all sockets are closed at once, with what is still unsent, and none opens again.
 */
export class Life {
  /** Nothing listens there: only a socket of this process gets from it to a server. */
  readonly host: string;
  readonly over: Promise<void>;
  readonly #servers = new Map<number, string>();
  readonly #sockets = new Set<Socket>();
  #end: () => void = () => undefined;
  #isOver = false;
  #refused = 0;

  private constructor() {
    begun++;
    this.host = `127.66.${begun >> 8}.${begun & 255}`;
    this.over = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  static begin(): Life {
    changeSockets();
    const life = new Life();
    lives.set(life.host, life);
    return life;
  }

  /** A server's URL, as this life knows it. */
  urlFor(url: string): string {
    const own = new URL(url);
    this.#servers.set(Number(own.port), own.hostname);
    own.hostname = this.host;
    return own.href;
  }

  /** How many sockets it has wanted to open since it was severed. */
  get refused(): number {
    return this.#refused;
  }

  sever(): void {
    this.#isOver = true;
    for (const socket of this.#sockets) socket.destroy();
    this.#end();
  }

  /** Where a socket of this life goes; nowhere once it is over. */
  admit(socket: Socket, port: number): string | undefined {
    if (this.#isOver) {
      this.#refused++;
      return undefined;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return this.#servers.get(port);
  }
}

let isChanged = false;

function changeSockets(): void {
  if (isChanged) return;
  isChanged = true;
  const prototype: object = Socket.prototype;
  const connect: Connect = Reflect.get(prototype, 'connect');
  Reflect.set(prototype, 'connect', function (this: Socket, ...args: unknown[]) {
    // `net.connect` hands over its arguments as one list, `tls.connect` as they are.
    const list = Array.isArray(args[0]) ? args[0] : args;
    const { host, port } = Object(list[0]);
    const life = lives.get(String(host));
    if (life === undefined) return connect.apply(this, args);
    const server = life.admit(this, Number(port));
    if (server === undefined) {
      const refusal = new Error(`connect ECONNREFUSED ${host}:${port}`);
      return this.destroy(Object.assign(refusal, { code: 'ECONNREFUSED', syscall: 'connect' }));
    }
    list[0] = { ...Object(list[0]), host: server };
    return connect.apply(this, args);
  });
}

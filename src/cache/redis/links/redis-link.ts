import { UnavailableError } from '../../../errors/database-error.ts';
import type { Observer } from '../../../observability/events.ts';
import { Deadline } from '../../../resilience/time/deadline.ts';
import { sleepsSoFar } from '../../memory/coarse-clock.ts';
import { InvalidationChannel } from '../invalidation-channel.ts';
import type { RedisIdentity } from '../redis-identity.ts';
import { type Greeted, Handshake, openingMs, tenureOf, UnfitServer } from './handshake.ts';
import { cureOf, isRefusal, Reconnection, saidBy } from './reconnection.ts';
import { openConnection, type RedisNode } from './redis-client.ts';

export interface RedisLinkConfig {
  /** What events call it. */
  readonly name: string;
  /** Milliseconds a command may take. */
  readonly commandTimeoutMs: number;
  /** Milliseconds that an invalidation by another process may go unnoticed. */
  readonly maxGapMs: number;
  /** Milliseconds that a server must be well again before it is believed. */
  readonly settleMs: number;
  /** Which Redis it must be; undefined: any will do. */
  readonly identity?: RedisIdentity | undefined;
  /** Told each time that the server is not used any more, and that it can't be reached again. */
  readonly onTrouble?: () => void;
}

const beatsPerGap = 4;
/** What a server says that must not be asked now. */
const unfit = /^(READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|MOVED)/;

/**
 * The connection to one Redis server. It is used only while it answers: it asks the server several
 * times in `maxGapMs` who it is, and once an answer is late, or the server is no master any more, it
 * cuts the connection and opens another, so that a server that has been replaced meanwhile is not
 * believed again. No command throws or waits past its time; what Redis can't answer is undefined.
 */
export class RedisLink {
  /** Tells what others invalidate there, and whether all of it has arrived. */
  readonly channel: InvalidationChannel;
  readonly #client: RedisNode;
  readonly #config: RedisLinkConfig;
  readonly #observe: Observer;
  readonly #reconnection = new Reconnection();
  readonly #handshake: Handshake;
  readonly #running = new Set<Deadline>();
  readonly #timer: NodeJS.Timeout;
  #server: string | undefined;
  #answeredUntilMs = 0;
  /** Those of this process, when the server was last asked who it is. */
  #sleeps = sleepsSoFar();
  /** The run that was used last. */
  #known: string | undefined;
  #knownSinceMs = 0;
  #openingSinceMs = performance.now();
  #isClosed = false;
  #tenure: string | undefined;
  /** Counts connections: what was begun on an earlier one must not be taken for this one's. */
  #connection = 0;

  /** @param template a client that says how to connect; it is left alone. */
  constructor(template: RedisNode, config: RedisLinkConfig, observe: Observer) {
    this.#config = config;
    this.#observe = observe;
    this.#handshake = new Handshake(config.settleMs, config.identity);
    this.#client = openConnection(
      template,
      (attempt) => this.#reconnection.pauseMs(attempt),
      (error) => this.#report('connection', saidBy(error)),
    );
    const listening = new Reconnection();
    const listener = openConnection(
      template,
      (attempt) => listening.pauseMs(attempt),
      (error) => this.#report('listen', saidBy(error)),
    );
    const beating = { patienceBeats: beatsPerGap, onListening: () => this.#beatRound() };
    this.channel = new InvalidationChannel(listener, listening, { ...config, ...beating }, observe);
    this.#client.on('ready', () => void this.#shakeHands());
    this.#client.on('close', () => this.#fail('the connection was closed'));
    this.#client.connect().catch((error: unknown) => this.#report('connection', saidBy(error)));
    this.#timer = setInterval(() => this.#beat(), config.maxGapMs / beatsPerGap);
    this.#timer.unref();
  }

  /**
   * Names the server that answers, in its present run and since it became a master; undefined while
   * none does. What was written under another name may have missed invalidations: those that a server
   * had not passed on when another took its place, and that came back with that one's data.
   */
  get server(): string | undefined {
    if (performance.now() >= this.#answeredUntilMs) return undefined;
    // While it slept the server may have been replaced; the next beat cuts the connection.
    return sleepsSoFar() === this.#sleeps ? this.#server : undefined;
  }

  /** Milliseconds for which this run of the server has been known; 0 while it is not used. */
  get usedForMs(): number {
    return this.server === undefined ? 0 : performance.now() - this.#knownSinceMs;
  }

  /** Runs a command, if the server is well. */
  async run<T>(
    operation: string,
    command: (client: RedisNode) => Promise<T>,
  ): Promise<T | undefined> {
    if (this.server === undefined) return undefined;
    const answer = await this.#command(operation, command);
    // A process that slept finds answers of a server that may have been replaced since.
    return this.server === undefined ? undefined : answer;
  }

  async #command<T>(
    operation: string,
    command: (client: RedisNode) => Promise<T>,
  ): Promise<T | undefined> {
    const deadline = new Deadline(this.#config.commandTimeoutMs);
    this.#running.add(deadline);
    try {
      return await deadline.race(command(this.#client));
    } catch (error) {
      const said = saidBy(error);
      if (isRefusal(said)) this.#refuse(operation, cureOf(said));
      else {
        this.#report(operation, said);
        if (error === deadline.reason || unfit.test(said)) this.#fail(said);
      }
      return undefined;
    } finally {
      this.#running.delete(deadline);
      deadline.end();
    }
  }

  /** Resolves once the server is asked and what others invalidate is heard, with false once it is too late. */
  async ready(patience: Deadline): Promise<boolean> {
    try {
      await patience.race(this.channel.trusted());
      return true;
    } catch {
      // The patience is over; whoever waited goes on without Redis, and says so.
      return false;
    }
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#forget('closed');
    this.channel.close();
    // A polite end would wait for a server that may hang.
    this.#client.disconnect();
    this.#client.stream?.destroy();
  }

  /** Learns who the server is, and uses it from then on. */
  async #shakeHands(): Promise<void> {
    const connection = ++this.#connection;
    const patience = new Deadline(openingMs + this.#config.settleMs);
    try {
      const greeted = await this.#handshake.shake(this.#client, patience);
      if (connection !== this.#connection) return;
      if (greeted === undefined) this.#cut();
      else this.#use(greeted);
    } catch (error) {
      if (connection !== this.#connection) return;
      const said = saidBy(error);
      if (error instanceof UnfitServer) this.#refuse('connection', error.message);
      else if (isRefusal(said)) this.#refuse('connection', cureOf(said));
      else {
        this.#report('connection', said);
        this.#cut();
      }
    } finally {
      patience.end();
    }
  }

  #use({ server, tenure, askedAtMs, sleeps }: Greeted): void {
    if (server !== this.#known) this.#knownSinceMs = performance.now();
    this.#known = server;
    this.#tenure = tenure;
    this.#server = server;
    this.#answeredUntilMs = askedAtMs + this.#config.maxGapMs;
    this.#sleeps = sleeps;
    this.#reconnection.accepted();
    this.#observe({ type: 'cache-link', redis: this.#config.name, state: 'up' });
    this.channel.open(server);
    this.#beat();
  }

  #beat(): void {
    const now = performance.now();
    if (this.#server === undefined) {
      // Hands are being shaken, or a pause is made, which have times of their own.
      if (this.#client.status === 'ready' || this.#client.status === 'reconnecting') return;
      if (now - this.#openingSinceMs > openingMs) this.#cut();
      return;
    }
    if (now >= this.#answeredUntilMs) {
      // It would say that it is the master, and may believe so: others use another one by now.
      this.#fail(`it was not asked for ${this.#config.maxGapMs} ms`);
      return;
    }
    if (sleepsSoFar() !== this.#sleeps) {
      this.#fail('the process slept');
      return;
    }
    const connection = this.#connection;
    void this.#command('heartbeat', (client) => client.info('replication')).then((replication) => {
      if (replication === undefined || connection !== this.#connection) return;
      if (tenureOf(replication) === this.#tenure) {
        this.#answeredUntilMs = now + this.#config.maxGapMs;
      } else this.#fail('the server is no master any more, or is one anew');
    });
    this.#beatRound();
    this.#confirmIdentity(connection);
  }

  /** A server that was emptied gets its id back before anybody takes it for another one. */
  #confirmIdentity(connection: number): void {
    const { identity } = this.#config;
    if (identity === undefined) return;
    void this.#command('heartbeat', (client) => identity.admits(client)).then((isAdmitted) => {
      if (isAdmitted !== false || connection !== this.#connection) return;
      this.#refuse('connection', identity.refusal ?? '');
    });
  }

  /** Asks the listening connection for a sign of life, by way of the server. */
  #beatRound(): void {
    this.channel.beat((name, message) =>
      this.#command('heartbeat', (client) => client.publish(name, message)),
    );
  }

  /** What this connection said can't be relied upon from here on; another one is opened. */
  #fail(reason: string): void {
    if (this.#isClosed) return;
    if (this.#server === undefined) {
      this.#openingSinceMs = performance.now();
      // A server that refuses connections may have been replaced since the last time this was told.
      this.#config.onTrouble?.();
      return;
    }
    this.#forget(reason);
    this.#cut();
  }

  /** The server does not do what is needed: it is left, and asked again after growing pauses. */
  #refuse(operation: string, cure: string): void {
    if (this.#reconnection.refused(cure)) this.#report(operation, cure);
    if (this.#server === undefined) this.#cut();
    else this.#fail(cure);
  }

  #forget(reason: string): void {
    this.#connection++;
    if (this.#server === undefined) return;
    this.#server = undefined;
    this.#answeredUntilMs = 0;
    // That its own process closes it is no trouble of Redis.
    if (!this.#isClosed) {
      this.#observe({ type: 'cache-link', redis: this.#config.name, state: 'down', reason });
    }
    this.channel.interrupt(reason);
    const gone = new UnavailableError(`Redis is left alone: ${reason}.`);
    for (const deadline of [...this.#running]) deadline.cancel(gone);
  }

  /** Not by a polite end, for which a server that hangs would have to answer. */
  #cut(): void {
    this.#connection++;
    this.#openingSinceMs = performance.now();
    this.#client.stream?.destroy();
    this.#config.onTrouble?.();
  }

  #report(operation: string, message: string): void {
    this.#observe({ type: 'cache-fault', operation, message });
  }
}

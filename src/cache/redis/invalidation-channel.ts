import { randomBytes } from 'node:crypto';
import type { Observer } from '../../observability/events.ts';
import type { Trust } from '../trust.ts';
import { cureOf, isRefusal, type Reconnection, saidBy } from './links/reconnection.ts';
import type { RedisNode } from './links/redis-client.ts';
import { escapeKey, unescapeKey } from './redis-keys.ts';

/** Told of a key that another process has invalidated. */
export type OnInvalidated = (key: string) => void;

/** No key is escaped so. */
const everyKey = '%%';

export interface ChannelConfig {
  readonly name: string;
  readonly maxGapMs: number;
  /** Beats that may stay without an answer. */
  readonly patienceBeats: number;
  /** Told when what is published is heard from now on. */
  onListening(): void;
}

/** Sends a message on a channel, over the connection that also sends the invalidations. */
export type Publish = (channel: string, message: string) => Promise<unknown>;

/** The channel of a namespace on one server: what a cluster passes on to the others is not heard. */
export function channelName(namespace: string, server: string): string {
  return `${namespace}:invalidated:${server}`;
}

/**
 * Hears what other processes invalidate on one server. A server sends what it publishes to a
 * listener in order, so a message of one's own that comes back says that all invalidations before it
 * have come: until `maxGapMs` after such a beat was sent, nothing older than that can be missing.
 */
export class InvalidationChannel implements Trust {
  trustedUntilMs = 0;
  generation = 0;
  readonly #listener: RedisNode;
  readonly #reconnection: Reconnection;
  readonly #config: ChannelConfig;
  readonly #observe: Observer;
  /** Tells this channel's own messages from others'. */
  readonly #sender = randomBytes(12).toString('base64url');
  readonly #beats = `meridian:beat:${this.#sender}`;
  readonly #namespaces = new Map<string, OnInvalidated>();
  readonly #waiting = new Set<() => void>();
  #server: string | undefined;
  /** Beats sent before prove nothing about the subscriptions of today. */
  #listeningSinceMs = Number.POSITIVE_INFINITY;
  /**
   * Beats sent since one came back, and when: time alone also passes when this process is busy. Each says
   * something that nobody could guess, so that no other message passes for one, and counts once.
   */
  readonly #unreturned = new Map<string, number>();

  constructor(
    listener: RedisNode,
    reconnection: Reconnection,
    config: ChannelConfig,
    observe: Observer,
  ) {
    this.#listener = listener;
    this.#reconnection = reconnection;
    this.#config = config;
    this.#observe = observe;
    listener.on('message', (channel, message) => this.#onMessage(channel, message));
    listener.on('ready', () => void this.#subscribe());
    listener.on('close', () => this.#lose('the listening connection was closed'));
  }

  /** The generation of what is learned now; none while nothing is heard. */
  get epoch(): number {
    return performance.now() < this.#listeningSinceMs ? -1 : this.generation;
  }

  /** What tells those who listen on {@link channelName} to forget a key. */
  messageOf(key: string): string {
    return `${this.#sender} ${escapeKey(key)}`;
  }

  /** What tells them to forget whatever they hold: more was changed than anybody has a list of. */
  get messageOfAll(): string {
    return `${this.#sender} ${everyKey}`;
  }

  /** Hears of a namespace's keys from now on. */
  listen(namespace: string, onInvalidated: OnInvalidated): void {
    this.#namespaces.set(namespace, onInvalidated);
    this.#lose('another cache listens');
    this.#subscribe();
  }

  /** The server is known: listens to it. */
  open(server: string): void {
    this.#server = server;
    if (this.#listener.status === 'wait') {
      this.#listener.connect().catch((error: unknown) => this.#report(saidBy(error)));
    }
    void this.#subscribe();
  }

  /** The server is left. */
  interrupt(reason: string): void {
    this.#server = undefined;
    this.#lose(reason);
    this.#listener.stream?.destroy();
  }

  /** Sends a message round. Without one that comes back the channel is not trusted for long. */
  beat(publish: Publish): void {
    const now = performance.now();
    if (now < this.#listeningSinceMs) return;
    if (this.#unreturned.size >= this.#config.patienceBeats) {
      this.#lose('no message came back');
      this.#listener.stream?.destroy();
      return;
    }
    const beat = randomBytes(12).toString('base64url');
    this.#unreturned.set(beat, now);
    void publish(this.#beats, beat);
  }

  /** Resolves once the channel is trusted. */
  trusted(): Promise<void> {
    if (performance.now() < this.trustedUntilMs) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
    });
  }

  close(): void {
    this.#lose('closed');
    this.#listener.disconnect();
    this.#listener.stream?.destroy();
  }

  async #subscribe(): Promise<void> {
    const server = this.#server;
    if (server === undefined || this.#listener.status !== 'ready') return;
    const channels = [...this.#namespaces.keys()].map((name) => channelName(name, server));
    try {
      await this.#listener.subscribe(this.#beats, ...channels);
      if (server === this.#server && channels.length === this.#namespaces.size) {
        this.#listeningSinceMs = performance.now();
        this.#unreturned.clear();
        this.#reconnection.accepted();
        this.#config.onListening();
      }
    } catch (error) {
      const said = saidBy(error);
      if (!isRefusal(said)) this.#report(said);
      else if (this.#reconnection.refused(said)) this.#report(cureOf(said));
      this.#listener.stream?.destroy();
    }
  }

  #onMessage(channel: string, message: string): void {
    if (channel === this.#beats) {
      this.#onBeat(message);
      return;
    }
    const end = message.indexOf(' ');
    // What this process invalidated, it forgot before it told anybody.
    if (message.slice(0, end) === this.#sender) return;
    if (message.slice(end + 1) === everyKey) {
      this.#lose('another process forgot more than it could name');
      void this.#subscribe();
      return;
    }
    const namespace = channel.slice(0, channel.lastIndexOf(':invalidated:'));
    this.#namespaces.get(namespace)?.(unescapeKey(message.slice(end + 1)));
  }

  #onBeat(beat: string): void {
    const sentAtMs = this.#unreturned.get(beat);
    // Sent by somebody else, or before what was missed.
    if (sentAtMs === undefined || sentAtMs < this.#listeningSinceMs) return;
    for (const older of this.#unreturned.keys()) {
      this.#unreturned.delete(older);
      if (older === beat) break;
    }
    this.trustedUntilMs = Math.max(this.trustedUntilMs, sentAtMs + this.#config.maxGapMs);
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  /** Messages may be missing: what was in memory until now counts for nothing any more. */
  #lose(reason: string): void {
    this.#listeningSinceMs = Number.POSITIVE_INFINITY;
    this.#unreturned.clear();
    this.generation++;
    if (this.trustedUntilMs === 0) return;
    this.trustedUntilMs = 0;
    this.#observe({ type: 'cache-gap', redis: this.#config.name, reason });
  }

  #report(message: string): void {
    this.#observe({ type: 'cache-fault', operation: 'listen', message });
  }
}

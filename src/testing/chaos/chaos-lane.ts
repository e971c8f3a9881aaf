import type { Socket } from 'node:net';
import type { ChaosFaults } from './chaos-faults.ts';
import { resetSocket } from './reset-socket.ts';

/** One thing that came in at one end and is to come out at the other, in order. */
interface Item {
  /** Bytes, or how the sending side ended. */
  what: Buffer | 'end' | 'reset';
  readonly arrivedMs: number;
  readonly jitter: number;
}

/** What a connection decides about the bytes of a lane at the moment they are sent on. */
export interface LaneOwner {
  readonly faults: ChaosFaults;
  /** Whether the other end can be written to. */
  readonly open: boolean;
  /** How many more bytes may pass before the connection is to be cut. */
  allowance(): number;
  cut(): void;
  /** These bytes are sent on now; `false` when they are swallowed instead. */
  pass(bytes: Buffer): boolean;
  /** They were handed to the kernel. */
  passed(): void;
}

const bufferedBytes = 1024 * 1024;
const piecesPerSecond = 50;

/** One direction of a proxied connection: holds, delays and paces what passes, in order. */
export class ChaosLane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #owner: LaneOwner;
  readonly #items: Item[] = [];
  #bytes = 0;
  #arrivals = 0;
  #freeMs = 0;
  #draining = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, owner: LaneOwner) {
    this.#from = from;
    this.#to = to;
    this.#owner = owner;
    from.on('data', (bytes) => this.#arrive(bytes));
    from.on('end', () => this.#arrive('end'));
    from.on('error', () => this.#arrive('reset'));
    to.on('drain', () => {
      this.#draining = false;
      this.pump();
    });
  }

  /** Sends on what may pass now. Called whenever something has changed. */
  pump(): void {
    clearTimeout(this.#timer);
    for (let item = this.#items[0]; item; item = this.#items[0]) {
      if (this.#to.destroyed || this.#draining || !this.#owner.open) return;
      const waitMs = this.#waitMs(item);
      if (waitMs > 0) {
        if (waitMs < Number.POSITIVE_INFINITY) {
          this.#timer = setTimeout(() => this.pump(), Math.ceil(waitMs));
        }
        return;
      }
      this.#send(item);
    }
  }

  /** Forgets what is held; nothing passes any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#items.length = 0;
  }

  #arrive(what: Item['what']): void {
    this.#arrivals += 1;
    // Golden-ratio steps spread evenly over 0 to 1: jitter that is the same in every run.
    const jitter = (this.#arrivals * 0.618_033_988_75) % 1;
    this.#items.push({ what, arrivedMs: performance.now(), jitter });
    if (typeof what !== 'string') this.#bytes += what.length;
    if (this.#bytes > bufferedBytes) this.#from.pause();
    this.pump();
  }

  #waitMs(item: Item): number {
    const { blackHole, latency, bandwidth } = this.#owner.faults.settings;
    if (blackHole) return Number.POSITIVE_INFINITY;
    const now = performance.now();
    const delayMs = latency ? latency.ms + latency.jitterMs * (2 * item.jitter - 1) : 0;
    const dueMs = item.arrivedMs + delayMs;
    return Math.max(dueMs, bandwidth ? this.#freeMs : 0) - now;
  }

  #send(item: Item): void {
    if (item.what === 'end') {
      this.#items.shift();
      this.#to.end();
    } else if (item.what === 'reset') {
      this.close();
      resetSocket(this.#to);
    } else if (this.#owner.allowance() <= 0) {
      this.#owner.cut();
    } else {
      const piece = item.what.subarray(0, this.#pieceBytes());
      this.#take(item, piece.length);
      if (!this.#owner.pass(piece)) return;
      this.#draining = !this.#to.write(piece, () => this.#owner.passed());
    }
  }

  #pieceBytes(): number {
    const { bandwidth } = this.#owner.faults.settings;
    const paced = bandwidth ? bandwidth.bytesPerSecond / piecesPerSecond : Number.POSITIVE_INFINITY;
    return Math.max(1, Math.min(Math.ceil(paced), this.#owner.allowance()));
  }

  #take(item: Item, bytes: number): void {
    if (typeof item.what === 'string') return;
    item.what = item.what.subarray(bytes);
    if (item.what.length === 0) this.#items.shift();
    this.#bytes -= bytes;
    if (this.#bytes <= bufferedBytes && this.#from.isPaused()) this.#from.resume();
    const { bandwidth } = this.#owner.faults.settings;
    if (!bandwidth) return;
    const durationMs = (bytes / bandwidth.bytesPerSecond) * 1_000;
    this.#freeMs = Math.max(this.#freeMs, performance.now()) + durationMs;
  }
}

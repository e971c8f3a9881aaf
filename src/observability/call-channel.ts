import { tracingChannel } from 'node:diagnostics_channel';
import type { CallEvent } from './call-event.ts';
import type { CallBegun } from './trace.ts';

/** What subscribers of the tracing channel `meridian:call` are told of one call: the same object each time. */
export interface CallMessage extends CallBegun {
  /** How it ended; undefined until then. */
  call?: CallEvent;
  /** What it failed with. */
  error?: unknown;
}

const channel = tracingChannel<unknown, CallMessage>('meridian:call');

/** Whether somebody listens to the channel. */
export function isChannelHeard(): boolean {
  return channel.hasSubscribers;
}

/** A call begins: `begin` is run in the stores that subscribers bound to `start`. */
export function publishStart<T>(message: CallMessage, begin: () => T): T {
  return channel.start.runStores(message, () => {
    const begun = begin();
    channel.end.publish(message);
    return begun;
  });
}

export function publishEnd(
  message: CallMessage,
  call: CallEvent,
  failure?: { error: unknown },
): void {
  message.call = call;
  if (failure !== undefined) {
    message.error = failure.error;
    channel.error.publish(message);
  }
  channel.asyncStart.publish(message);
  channel.asyncEnd.publish(message);
}

/** For which request something is asked, and what is left of its time. */
export interface Asking {
  readonly requestId: string;
  readonly timeoutMs: number;
}

export interface Question extends Asking {
  readonly method: 'PUT' | 'DELETE';
  readonly url: string;
  readonly body: object;
  readonly gatewayKey: string;
}

/** Asks another service of the shop, and gives the status. @throws when it failed. */
export async function ask(question: Question, signal: AbortSignal): Promise<number> {
  const { url, method, body, gatewayKey, requestId, timeoutMs } = question;
  const headers = {
    'content-type': 'application/json',
    'x-gateway-key': gatewayKey,
    'x-request-id': requestId,
    'x-deadline-ms': String(timeoutMs),
  };
  const { status } = await fetch(url, { method, signal, headers, body: JSON.stringify(body) });
  if (status < 500) return status;
  throw Object.assign(new Error(`A service answered with ${status}`), { status });
}

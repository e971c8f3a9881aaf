export interface Question {
  readonly method: 'PUT' | 'DELETE';
  readonly url: string;
  readonly body: object;
  readonly gatewayKey: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Asks another service of the shop, and gives the status. @throws when it failed. */
export async function ask({ url, method, body, gatewayKey, timeoutMs, signal }: Question) {
  const headers = {
    'content-type': 'application/json',
    'x-gateway-key': gatewayKey,
    'x-deadline-ms': String(timeoutMs),
  };
  const { status } = await fetch(url, { method, signal, headers, body: JSON.stringify(body) });
  if (status < 500) return status;
  throw Object.assign(new Error(`A service answered with ${status}`), { status });
}

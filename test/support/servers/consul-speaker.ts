import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** Speaks Consul's protocol as a test wishes: each question has the next answer, the last one for ever. */
export interface ConsulSpeaker {
  readonly url: string;
  /** The questions, in the order of their coming. */
  readonly asked: readonly URL[];
  readonly headers: readonly IncomingMessage['headers'][];
  close(): Promise<void>;
}

export async function startConsulSpeaker(answers: readonly Answer[]): Promise<ConsulSpeaker> {
  const asked: URL[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const server = createServer((request, response) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)];
    asked.push(new URL(request.url ?? '', 'http://consul'));
    headers.push(request.headers);
    answer?.(response, request);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    headers,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** What a key holds, at an index. */
export function holds(text: string, index: number | string | undefined): Answer {
  return (response) =>
    response.writeHead(200, index === undefined ? {} : { 'x-consul-index': index }).end(text);
}

export function answersWith(status: number, headers: Record<string, string> = {}): Answer {
  return (response) => response.writeHead(status, headers).end('s3cret');
}

export const isSilent: Answer = () => undefined;

/** Half of what it announced. */
export const breaksOff: Answer = (response) => {
  response.writeHead(200, { 'x-consul-index': 9, 'content-length': 1_000 });
  response.write('{"epoch":', () => response.destroy());
};

/** Questions of a document have the answers of the one, those of the catalog the answers of the other. */
export function eachHas(kept: readonly Answer[], catalog: readonly Answer[]): Answer[] {
  const asked = { kept: 0, catalog: 0 };
  return [
    (response, request) => {
      const which = request.url?.startsWith('/v1/kv/') === true ? 'kept' : 'catalog';
      const answers = which === 'kept' ? kept : catalog;
      answers[Math.min(asked[which]++, answers.length - 1)]?.(response, request);
    },
  ];
}

import { registerService } from 'meridian/consul';
import { expect, it } from 'vitest';
import { answersWith, startConsulSpeaker } from '../../support/servers/consul-speaker.ts';

it.each([0, 1])(
  'a service that does not say how it fares is not well, and closes all the same, from question %i on',
  async (answered) => {
    const consul = await startConsulSpeaker([answersWith(200)]);
    let questions = 0;
    const service = await registerService({
      url: consul.url,
      name: 'hanging',
      id: 'one',
      timeoutMs: 50,
      isHealthy: () => (questions++ < answered ? true : new Promise<boolean>(() => {})),
    });
    await service.close();
    expect(consul.asked.map(({ pathname }) => pathname)).toEqual([
      '/v1/agent/service/register',
      '/v1/agent/service/deregister/one',
    ]);
    await consul.close();
  },
  2_000,
);

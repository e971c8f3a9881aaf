import { Controller, Get, Inject, ServiceUnavailableException } from '@nestjs/common';
import { DATA, type Data } from './data.module.ts';

@Controller()
export class HealthController {
  readonly #data: Data;

  constructor(@Inject(DATA) data: Data) {
    this.#data = data;
  }

  @Get('livez')
  live() {
    return { alive: true };
  }

  @Get('readyz')
  ready() {
    const { ready } = this.#data.health();
    if (!ready) throw new ServiceUnavailableException({ ready });
    return { ready };
  }
}

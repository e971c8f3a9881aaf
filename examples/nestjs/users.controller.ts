import {
  Body,
  Controller,
  Get,
  HttpCode,
  Inject,
  NotFoundException,
  Param,
  Patch,
  Post,
} from '@nestjs/common';
import { z } from 'zod';
import { DATA, type Data } from './data.module.ts';
import { users } from './tables.ts';

const Id = z.uuid();
const NewUser = users.schema.omit({ id: true });
const Changes = users.schema.pick({ name: true });

@Controller('users')
export class UsersController {
  readonly #data: Data;

  constructor(@Inject(DATA) data: Data) {
    this.#data = data;
  }

  @Post()
  create(@Body() body: unknown) {
    return this.#data.users.insert(NewUser.parse(body));
  }

  @Get(':id')
  async find(@Param('id') id: string) {
    const user = await this.#data.users.get(Id.parse(id));
    if (user === null) throw new NotFoundException();
    return user;
  }

  @Patch(':id')
  @HttpCode(204)
  async change(@Param('id') id: string, @Body() body: unknown) {
    const { affected } = await this.#data.users.update(Id.parse(id), Changes.parse(body));
    if (affected === 0) throw new NotFoundException();
  }
}

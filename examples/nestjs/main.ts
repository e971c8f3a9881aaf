import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { HttpAdapterHost, NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DataModule } from './data.module.ts';
import { HealthController } from './health.controller.ts';
import { MeridianErrorFilter } from './meridian-error.filter.ts';
import { UsersController } from './users.controller.ts';

@Module({ imports: [DataModule], controllers: [UsersController, HealthController] })
class AppModule {}

const app = await NestFactory.create(AppModule, new FastifyAdapter());
app.useGlobalFilters(new MeridianErrorFilter(app.get(HttpAdapterHost).httpAdapter));
app.enableShutdownHooks();
await app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');

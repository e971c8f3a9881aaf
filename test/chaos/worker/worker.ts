/** A process that reads and writes through caches until it gets SIGTERM. */
import { Registers } from '../source/registers.ts';
import { openCache } from './caches.ts';
import type { WorkerPlan } from './plan.ts';
import { Recorder } from './recorder.ts';
import { Workload } from './workload.ts';

const plan: WorkerPlan = JSON.parse(process.argv[2] ?? '{}');
const recorder = new Recorder(plan.historyFile);
const registers = new Registers(plan.source);
const caches = plan.caches.map((cache) => openCache(cache, plan.redis, recorder));
const workload = new Workload(plan, registers, caches, recorder);
process.once('SIGTERM', () => workload.stop());
process.stdout.write('ready\n');
await workload.run();
await Promise.all(caches.map(({ cache }) => cache.close()));
await registers.close();
// The clients that were given to the caches are still open: a cache closes only its own.
process.exit(0);

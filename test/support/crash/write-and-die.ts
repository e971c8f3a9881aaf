/**
 * A process of its own that does one write of a member and kills itself at one of its statements, so
 * that neither it nor the driver can tidy up.
 */
import { type CrashingWrite, writeOf } from './crashing-write.ts';
import { runToDeath } from './errand.ts';

const told: CrashingWrite = JSON.parse(process.argv[2] ?? '{}');
await runToDeath(told.point, writeOf(told));

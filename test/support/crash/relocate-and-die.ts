/** A process of its own that relocates one owner and dies on the way. */
import { type DeadlyMove, moveOf } from './deadly-move.ts';
import { runToDeath } from './errand.ts';

const told: DeadlyMove = JSON.parse(process.argv[2] ?? '{}');
await runToDeath(told.point, moveOf(told));

import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type LoadTrace, parseTrace } from '../scaling/load-trace.ts';
import { hpaPolicy, rulePolicy, scalerPolicy, staticPolicy } from '../scaling/policies.ts';
import { scoreTrace, type TraceScore } from '../scaling/score-trace.ts';
import { traceChart } from '../scaling/trace-chart.ts';
import { Refusal } from './refusal.ts';
import { scalePlot, scaleTable } from './scale-table.ts';

const usage = `Usage: meridian scale --trace FILE.csv [--max-load N] [--lead SECONDS] [--learn SHARE] [--time-zone ZONE] [--svg FILE] [--json]

Replays a load (two columns: time and load) against static peak, the rule of 1.2, the Kubernetes HPA and the scaler,
and prints instance-hours, overloaded time and dropped load of each, and a plot of the scaler.

  --max-load N       what one instance carries. Default: a fortieth of the greatest load that is scored
  --lead SECONDS     from asking for an instance to its first call. Default: 600
  --learn SHARE      of the trace, which policies learn from and are not judged by. Default: 0.7
  --time-zone ZONE   whose clock the people go by who make the load. Default: UTC
  --svg FILE         also draw the scaler's load and capacity
  --json             print the scores as JSON

Exit codes: 0 done; 2 nothing could be scored.
`;

interface Arguments {
  readonly trace: string;
  readonly maxLoad: number | undefined;
  readonly leadTimeMs: number;
  readonly learn: number;
  readonly timeZone: string;
  readonly svg: string | undefined;
  readonly json: boolean;
}

/** The command `meridian scale`. Returns the exit code. @throws Refusal or a MeridianError: exit code 2. */
export async function scaleCommand(args: readonly string[]): Promise<number> {
  const given = readArguments(args);
  if (given === undefined) {
    process.stdout.write(usage);
    return 0;
  }
  const trace = parseTrace(await readText(given.trace));
  const { scores, maxLoadPerInstance } = scoreAll(trace, given);
  const scaler = scores.at(-1);
  if (scaler === undefined) throw new TypeError('there is a score of each policy');
  if (given.json) {
    const plain = scores.map(({ serving: _, ...score }) => score);
    process.stdout.write(
      `${JSON.stringify({ maxLoadPerInstance, scores: plain }, undefined, 2)}\n`,
    );
  } else {
    process.stdout.write(
      `${scaleTable(scores)}\n\n${scalePlot(trace, scaler, maxLoadPerInstance)}\n`,
    );
  }
  if (given.svg !== undefined)
    await writeText(given.svg, traceChart(trace, scaler, { maxLoadPerInstance }));
  return 0;
}

function scoreAll(
  trace: LoadTrace,
  { maxLoad, leadTimeMs, learn, timeZone }: Arguments,
): { readonly scores: readonly TraceScore[]; readonly maxLoadPerInstance: number } {
  const warmUpSteps = Math.floor(trace.loads.length * learn);
  const scored = trace.loads.subarray(warmUpSteps);
  const peak = scored.reduce((most, load) => Math.max(most, load), 0);
  if (peak === 0) throw new Refusal('There is no load in the part of the trace that is scored.\n');
  const maxLoadPerInstance = maxLoad ?? peak / 40;
  const options = { maxLoadPerInstance, leadTimeMs };
  const policies = [
    staticPolicy(Math.max(1, Math.ceil(peak / maxLoadPerInstance - 1e-9))),
    rulePolicy(maxLoadPerInstance),
    hpaPolicy(maxLoadPerInstance),
    scalerPolicy({ ...options, stepMs: trace.stepMs, timeZone }),
  ];
  const scores = policies.map((policy) => scoreTrace(trace, policy, { ...options, warmUpSteps }));
  return { scores, maxLoadPerInstance };
}

/** Reads the arguments; undefined: the usage was asked for. */
function readArguments(args: readonly string[]): Arguments | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  if (values.trace === undefined) throw new Refusal(usage);
  const number = (name: string, text: string, fits: (value: number) => boolean, wanted: string) => {
    const value = Number(text);
    if (text.trim() === '' || !fits(value))
      throw new Refusal(`--${name} is ${wanted}, not '${text}'.\n`);
    return value;
  };
  const max = values['max-load'];
  return {
    trace: values.trace,
    maxLoad:
      max === undefined
        ? undefined
        : number(
            'max-load',
            max,
            (value) => value > 0 && Number.isFinite(value),
            'a number above 0',
          ),
    leadTimeMs:
      1_000 *
      number(
        'lead',
        values.lead,
        (value) => value >= 0 && value <= 60_000,
        'a number of seconds up to 60000',
      ),
    learn: number(
      'learn',
      values.learn,
      (value) => value >= 0 && value < 1,
      'a share from 0 to below 1',
    ),
    timeZone: values['time-zone'],
    svg: values.svg,
    json: values.json,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        trace: { type: 'string' },
        'max-load': { type: 'string' },
        lead: { type: 'string', default: '600' },
        learn: { type: 'string', default: '0.7' },
        'time-zone': { type: 'string', default: 'UTC' },
        svg: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new Refusal(`${error instanceof Error ? error.message : error}\n\n${usage}`);
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Refusal(
      `The trace could not be read: ${error instanceof Error ? error.message : error}\n`,
    );
  }
}

async function writeText(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (error) {
    throw new Refusal(
      `The chart could not be written: ${error instanceof Error ? error.message : error}\n`,
    );
  }
}

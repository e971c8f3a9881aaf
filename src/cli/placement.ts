import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type DataLayerConfig, parseDataLayerOptions } from '../config/data-layer-config.ts';
import { ConfigError, type Problem } from '../errors/config-error.ts';
import { Endpoints } from '../execution/endpoints.ts';
import { Executor } from '../execution/executor.ts';
import { readPlacement } from '../placement/placement.ts';
import { placementChart } from '../placement/placement-chart.ts';
import type { PlacementReport } from '../placement/placement-report.ts';
import { Deadline } from '../resilience/time/deadline.ts';
import { createTopology } from '../topology/create-topology.ts';
import { fileTopology } from '../topology/sources/file-topology.ts';
import type { Topology } from '../topology/topology.ts';
import { placementTable } from './placement-table.ts';
import { Refusal } from './refusal.ts';

const usage = `Usage: meridian placement TOPOLOGY.json [--exact] [--svg FILE] [--json] [--timeout SECONDS]

Prints slots, rows and bytes of every shard, and the skew: the greatest share over the fair one.

  --exact            count the rows: reads every table once. Default: the servers' estimates
  --svg FILE         also draw the report as a bar chart
  --json             print the report as JSON
  --timeout SECONDS  for all of it. Default: 30

Exit codes: 0 done; 1 a shard did not answer, the rest is printed; 2 nothing could be reported.
`;

interface Arguments {
  readonly topology: string;
  readonly exact: boolean;
  readonly svg: string | undefined;
  readonly json: boolean;
  readonly timeoutMs: number;
}

/** Reads the arguments; undefined: the usage was asked for. */
function readArguments(args: readonly string[]): Arguments | undefined {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  const [topology, ...more] = positionals;
  if (topology === undefined || more.length > 0) throw new Refusal(usage);
  const seconds = Number(values.timeout);
  if (!(seconds > 0 && seconds <= 86_400)) {
    throw new Refusal('--timeout is a number of seconds over 0 and at most 86400.\n');
  }
  const { exact, svg, json } = values;
  return { topology, exact, svg, json, timeoutMs: Math.ceil(seconds * 1_000) };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        exact: { type: 'boolean', default: false },
        svg: { type: 'string' },
        json: { type: 'boolean', default: false },
        timeout: { type: 'string', default: '30' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new Refusal(`${error instanceof Error ? error.message : error}\n\n${usage}`);
  }
}

async function readTopology(
  path: string,
): Promise<{ topology: Topology; config: DataLayerConfig }> {
  const problems: Problem[] = [];
  const topology = createTopology(await fileTopology(path).load(), problems);
  // The pools and breakers of a data layer that names none of its own.
  const config = parseDataLayerOptions({ topology: path, tables: {}, redis: false }, problems);
  if (topology === undefined || config === undefined || problems.length > 0) {
    throw new ConfigError('Bad topology', problems);
  }
  return { topology, config };
}

async function report({ topology: path, exact, timeoutMs }: Arguments): Promise<PlacementReport> {
  const { topology, config } = await readTopology(path);
  const ignore = () => {};
  const endpoints = new Endpoints({ ...config.pool, breaker: config.breaker }, ignore);
  const deadline = new Deadline(timeoutMs);
  try {
    const executor = new Executor(endpoints, config.retry, ignore);
    return await readPlacement(executor, topology, exact, deadline);
  } finally {
    deadline.end();
    await endpoints.close();
  }
}

/** The command `meridian placement`. Returns the exit code. @throws Refusal or a MeridianError: exit code 2. */
export async function placementCommand(args: readonly string[]): Promise<number> {
  const given = readArguments(args);
  if (given === undefined) {
    process.stdout.write(usage);
    return 0;
  }
  const found = await report(given);
  const printed = given.json ? JSON.stringify(found, undefined, 2) : placementTable(found);
  process.stdout.write(`${printed}\n`);
  if (given.svg !== undefined) await writeChart(given.svg, found);
  if (found.complete) return 0;
  process.stderr.write('Incomplete: not every shard answered.\n');
  return 1;
}

async function writeChart(path: string, found: PlacementReport): Promise<void> {
  try {
    await writeFile(path, placementChart(found));
  } catch (error) {
    throw new Refusal(
      `The chart could not be written: ${error instanceof Error ? error.message : error}\n`,
    );
  }
}

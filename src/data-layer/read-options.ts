import { hostname } from 'node:os';
import { type DataLayerConfig, parseDataLayerOptions } from '../config/data-layer-config.ts';
import { ConfigError, type Problem } from '../errors/config-error.ts';
import type { Observer } from '../observability/events.ts';
import { type FanOut, fanOut } from '../observability/fan-out.ts';
import { defaultLogger, pinoObserver } from '../observability/pino-observer.ts';
import type { Table } from '../rows/schema/define-table.ts';
import type { ReferenceTable } from '../rows/schema/reference-table.ts';
import { reservedInTransactions, reservedNames } from '../rows/schema/reserved-names.ts';
import type { Tables } from '../rows/schema/row-types.ts';
import {
  planReference,
  planTable,
  type ReferencePlan,
  type TablePlan,
} from '../rows/schema/table-plan.ts';
import { Certificates } from '../tls/certificates.ts';
import { checkRegions } from './check-topology.ts';
import type { DataLayerOptions } from './data-layer-options.ts';
import { createFirst, loadDocument, sourceOf } from './load-topology.ts';
import type { ServerCertificates, Setup } from './setup.ts';

/** Everything that can be checked without opening a connection, all problems in one error. */
export async function readOptions(options: DataLayerOptions<Tables>): Promise<Setup> {
  const problems: Problem[] = [];
  const config = parseDataLayerOptions(options, problems);
  const events: Observer[] = [];
  const certificates = readCertificates(config, (event) => events[0]?.(event), problems);
  const source = options?.topology === undefined ? undefined : sourceOf(options.topology);
  const first = source && (await loadDocument(source, options.signal, config, problems));
  const topology = first && createFirst(first.document, problems);
  const names: readonly string[] = [...reservedNames, ...reservedInTransactions];
  const references: ReferencePlan[] = [];
  const tables = typeof options?.tables === 'object' ? (options.tables ?? {}) : {};
  const plans = Object.entries(tables).flatMap(([label, table]) => {
    if (names.includes(label) || label in Object.prototype) {
      problems.push({
        path: `tables.${label}`,
        message: `'${label}' is a name of the data layer itself; offer the table under another one`,
      });
    }
    if (isReference(table)) {
      references.push(...[planReference(label, table, problems) ?? []].flat());
      return [];
    }
    return planTable(label, table, { topology, directory: config?.directory }, problems) ?? [];
  });
  reportRepeats(plans, references, problems);
  const { redis, locateIp, credentials } = options ?? {};
  if (config !== undefined) checkRegions({ config, plans, redis }, topology, problems);
  if (problems.length > 0 || !config || !certificates || !first) {
    throw new ConfigError('The data layer can not start', problems);
  }
  if (topology === undefined || source === undefined) throw new TypeError('problems say why');
  const { region: processRegion, service = `${hostname()}:${process.pid}` } = config;
  const who = { service, processRegion };
  const observe = observerOf(options);
  events.push(observe);
  const given = { redis, certificates, credentials, who, locateIp, observe };
  return { config, topology, source, first, plans, references, ...given };
}

function readCertificates(
  config: DataLayerConfig | undefined,
  observe: Observer,
  problems: Problem[],
): ServerCertificates | undefined {
  if (config === undefined) return undefined;
  try {
    return {
      mysql: new Certificates(config.tls.mysql, 'tls.mysql', ({ message }) =>
        observe({ type: 'endpoint-fault', endpoint: 'tls.mysql', message }),
      ),
      redis: new Certificates(config.tls.redis, 'tls.redis', ({ message }) =>
        observe({ type: 'cache-fault', operation: 'connection', message }),
      ),
    };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

function observerOf({ logger, observers = [] }: DataLayerOptions<Tables>): FanOut {
  return fanOut(
    [...(logger === false ? [] : [pinoObserver(logger ?? defaultLogger())]), ...observers],
    { counts: true },
  );
}

/** Two handles of one table would each keep a cache, and not hear of the other's writes. */
function reportRepeats(
  plans: readonly TablePlan[],
  references: readonly ReferencePlan[],
  problems: Problem[],
): void {
  const labels = new Map<string, string>();
  // A reference table is on every shard, so its name is taken in every keyspace.
  for (const [index, { label, table }] of references.entries()) {
    const same = [...references.slice(0, index), ...plans].find(
      (other) => other.table.name === table.name,
    );
    if (same === undefined) continue;
    problems.push({
      path: `tables.${label}`,
      message: `is the same table as tables.${same.label}`,
    });
  }
  for (const { label, table } of plans) {
    const where = JSON.stringify([table.keyspace, table.name]);
    const other = labels.get(where);
    if (other === undefined) labels.set(where, label);
    else {
      problems.push({ path: `tables.${label}`, message: `is the same table as tables.${other}` });
    }
  }
}

function isReference(table: Table | ReferenceTable): table is ReferenceTable {
  // What is no table at all is reported by planTable.
  return typeof table === 'object' && table !== null && 'reference' in table;
}

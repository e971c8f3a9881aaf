import type { GivenRedis } from '../cache/redis/redis-regions.ts';
import type { DataLayerConfig } from '../config/data-layer-config.ts';
import type { CredentialsOf } from '../execution/endpoints.ts';
import type { FanOut } from '../observability/fan-out.ts';
import type { FirstTopology } from '../reconfiguration/topology-follower.ts';
import type { Who } from '../rows/audited.ts';
import type { ReferencePlan, TablePlan } from '../rows/schema/table-plan.ts';
import type { IpLocator } from '../sharding/places/locate-place.ts';
import type { Certificates } from '../tls/certificates.ts';
import type { TopologySource } from '../topology/sources/topology-source.ts';
import type { Topology } from '../topology/topology.ts';

/** What the options come to. */
export interface Setup {
  readonly config: DataLayerConfig;
  readonly topology: Topology;
  readonly source: TopologySource;
  readonly first: FirstTopology;
  readonly plans: readonly TablePlan[];
  readonly references: readonly ReferencePlan[];
  readonly redis: GivenRedis;
  readonly certificates: ServerCertificates;
  readonly credentials: CredentialsOf | undefined;
  readonly who: Who;
  readonly locateIp: IpLocator | undefined;
  readonly observe: FanOut;
}

/** What connections by TLS go by. */
export interface ServerCertificates {
  readonly mysql: Certificates;
  readonly redis: Certificates;
}

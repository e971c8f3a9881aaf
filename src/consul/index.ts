/**
 * Consul: the topology from one of its keys, and services that it knows.
 *
 * @module
 */

export type {
  ConsulEndpointsOptions,
  ConsulOptions,
  ConsulServiceOptions,
  ConsulTopologyOptions,
} from '../config/consul-options.ts';
export type { TlsOptions } from '../tls/tls-options.ts';
export { consulTopology } from './consul-topology.ts';
export { type ConsulService, registerService } from './register-service.ts';

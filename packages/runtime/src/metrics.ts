import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { version } from './version.ts';

/** A registry of this process's own, with Node's default metrics and `leasehold_build_info`. */
export function createRegistry(component: 'broker' | 'sidecar'): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'leasehold_build_info',
    help: 'Always 1; labels say what runs.',
    labelNames: ['component', 'version', 'node'],
    aggregator: 'first',
    registers: [registry],
  }).set({ component, version, node: process.version }, 1);
  return registry;
}

// `node deploy/bundle.ts [FOLDER]` bundles the programs into deploy/dist, or another folder: what an image or a release ships, as a whole, since the
// programs share it with the parts that they load when they are needed. Node refuses to strip types under node_modules, so releases run bundles.
import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Plugin, rolldown } from 'rolldown';
import { readTemplates } from '../packages/services/src/read-templates.ts';

const root = join(import.meta.dirname, '..');
const out = process.argv[2] ?? join(import.meta.dirname, 'dist');

const programs = {
  'leasehold-broker': 'packages/broker/src/main.ts',
  'leasehold-sidecar': 'packages/sidecar/src/main.ts',
  leasehold: 'packages/cli/src/main.ts',
};

/** A bundle has no folder of templates beside it: what the module would have read takes its place. */
const templates: Plugin = {
  name: 'service-templates',
  load: async (id) =>
    id.endsWith('/services/src/read-templates.ts')
      ? `export async function readTemplates() { return ${JSON.stringify(await readTemplates())}; }`
      : null,
};

await rm(out, { recursive: true, force: true });
for (const [name, input] of Object.entries(programs)) {
  const bundle = await rolldown({
    input: { [name]: join(root, input) },
    platform: 'node',
    plugins: [templates],
    logLevel: 'warn',
    // pino's worker transports and prom-client's questions to cluster workers are not used (we ask them ourselves); both are reached by lazy requires that stay unresolved.
    external: [/^node:/],
  });
  const { output } = await bundle.write({
    dir: out,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: `${name}-[name].js`,
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
    banner: (chunk) => (chunk.isEntry ? '#!/usr/bin/env node' : ''),
  });
  await bundle.close();
  await chmod(join(out, `${name}.js`), 0o755);
  const bytes = output.reduce((sum, chunk) => sum + (chunk.type === 'chunk' ? Buffer.byteLength(chunk.code) : 0), 0);
  console.log(`${name}.js ${(bytes / 1e6).toFixed(2)} MB`);
}

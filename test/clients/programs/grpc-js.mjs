import { promisify } from 'node:util';
import { credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { readAll, runSteps } from './steps.mjs';

const { vendor } = loadPackageDefinition(loadSync(new URL('proto/vendor.proto', import.meta.url).pathname));
// Roots come from GRPC_DEFAULT_SSL_ROOTS_FILE_PATH, the proxy from https_proxy or http_proxy.
const client = (base) => new vendor.Vendor(new URL(base).host, credentials.createSsl());

await runSteps({
  call: async (base) => {
    const one = client(base);
    const { value } = await promisify(one.Say.bind(one))({ value: 'hello' });
    return { status: 200, saw: value };
  },
  stream: (base, onPiece) => readAll(client(base).GoOn({ value: 'on' }), onPiece),
});

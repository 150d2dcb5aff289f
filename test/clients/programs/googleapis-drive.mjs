import { drive } from '@googleapis/drive';
import { readAll, runSteps } from './steps.mjs';

const client = (base) => drive({ version: 'v3', rootUrl: `${base}/`, retry: false });

await runSteps({
  call: async (base) => {
    const { status, data } = await client(base).files.list();
    return { status, saw: JSON.stringify(data) };
  },
  stream: async (base, onPiece) =>
    readAll((await client(base).files.get({ fileId: 'stream', alt: 'media' }, { responseType: 'stream' })).data, onPiece),
});

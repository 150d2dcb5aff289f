import { google } from 'googleapis';
import { readAll, runSteps } from './steps.mjs';

const client = (base) => google.drive({ version: 'v3', rootUrl: `${base}/`, retry: false });

await runSteps({
  call: async (base) => {
    const { status, data } = await client(base).files.list();
    return { status, saw: JSON.stringify(data) };
  },
  stream: async (base, onPiece) =>
    readAll((await client(base).files.get({ fileId: 'stream', alt: 'media' }, { responseType: 'stream' })).data, onPiece),
});

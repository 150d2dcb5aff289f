import got from 'got';
import { readAll, runSteps } from './steps.mjs';

await runSteps({
  call: async (base) => {
    const { statusCode, body } = await got(`${base}/v1/thing`, { retry: { limit: 0 } });
    return { status: statusCode, saw: body };
  },
  stream: (base, onPiece) => readAll(got.stream(`${base}/stream`, { retry: { limit: 0 } }), onPiece),
});

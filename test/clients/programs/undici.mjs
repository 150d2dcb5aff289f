import { EnvHttpProxyAgent, request, setGlobalDispatcher } from 'undici';
import { readAll, refusalCode, runSteps } from './steps.mjs';

setGlobalDispatcher(new EnvHttpProxyAgent());

await runSteps({
  call: async (base) => {
    const { statusCode, headers, body } = await request(`${base}/v1/thing`);
    return { status: statusCode, code: refusalCode(headers), saw: await body.text() };
  },
  stream: async (base, onPiece) => readAll((await request(`${base}/stream`)).body, onPiece),
});

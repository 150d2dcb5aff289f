import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { readAll, refusalCode, runSteps } from './steps.mjs';

async function get(url) {
  const request = (url.startsWith('https:') ? https : http).get(url);
  const [answer] = await once(request, 'response');
  return answer;
}

await runSteps({
  call: async (base) => {
    const answer = await get(`${base}/v1/thing`);
    return { status: answer.statusCode, code: refusalCode(answer.headers), saw: await text(answer) };
  },
  stream: async (base, onPiece) => readAll(await get(`${base}/stream`), onPiece),
});

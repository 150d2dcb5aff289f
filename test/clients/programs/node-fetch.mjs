import { readAll, refusalCode, runSteps } from './steps.mjs';

await runSteps({
  call: async (base) => {
    const answer = await fetch(`${base}/v1/thing`);
    return { status: answer.status, code: refusalCode(answer.headers), saw: await answer.text() };
  },
  stream: async (base, onPiece) => readAll((await fetch(`${base}/stream`)).body, onPiece),
});

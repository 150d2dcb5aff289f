import axios from 'axios';
import { readAll, runSteps } from './steps.mjs';

await runSteps({
  call: async (base) => {
    const { status, data } = await axios.get(`${base}/v1/thing`);
    return { status, saw: JSON.stringify(data) };
  },
  stream: async (base, onPiece) => readAll((await axios.get(`${base}/stream`, { responseType: 'stream' })).data, onPiece),
});

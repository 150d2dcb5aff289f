import OpenAI from 'openai';
import { isFound, readAll, runSteps } from './steps.mjs';

// The key is OPENAI_API_KEY, which holds the placeholder.
const client = (base) => new OpenAI({ maxRetries: 0, ...(isFound(base, 'OPENAI_BASE_URL') ? {} : { baseURL: `${base}/v1` }) });

await runSteps({
  call: async (base) => {
    const { data, response } = await client(base).models.list().withResponse();
    return { status: response.status, saw: JSON.stringify(data.data) };
  },
  stream: async (base, onPiece) =>
    readAll(
      await client(base).chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'go on' }], stream: true }),
      onPiece,
    ),
});

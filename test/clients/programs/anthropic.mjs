import Anthropic from '@anthropic-ai/sdk';
import { isFound, readAll, runSteps } from './steps.mjs';

// The key is ANTHROPIC_API_KEY, which holds the placeholder.
const client = (base) => new Anthropic({ maxRetries: 0, ...(isFound(base, 'ANTHROPIC_BASE_URL') ? {} : { baseURL: base }) });

await runSteps({
  call: async (base) => {
    const { data, response } = await client(base).models.list().withResponse();
    return { status: response.status, saw: JSON.stringify(data.data) };
  },
  stream: async (base, onPiece) =>
    readAll(
      await client(base).messages.create({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'go on' }], stream: true }),
      onPiece,
    ),
});

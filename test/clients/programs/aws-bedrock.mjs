import { BedrockRuntimeClient, InvokeModelCommand, InvokeModelWithResponseStreamCommand } from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { isFound, readAll, runSteps } from './steps.mjs';

// AWS_BEARER_TOKEN_BEDROCK holds the placeholder. Its own handler speaks HTTP/2 without TLS to an http:// URL.
function client(base) {
  const endpoint = isFound(base, 'AWS_ENDPOINT_URL_BEDROCK_RUNTIME') ? {} : { endpoint: base };
  return new BedrockRuntimeClient({ maxAttempts: 1, requestHandler: new NodeHttpHandler(), ...endpoint });
}
const ask = { modelId: 'm', contentType: 'application/json', body: '{}' };

await runSteps({
  call: async (base) => {
    const { body, $metadata } = await client(base).send(new InvokeModelCommand(ask));
    return { status: $metadata.httpStatusCode, saw: new TextDecoder().decode(body) };
  },
  stream: async (base, onPiece) => readAll((await client(base).send(new InvokeModelWithResponseStreamCommand(ask))).body, onPiece),
});

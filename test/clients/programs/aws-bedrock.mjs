import { BedrockRuntimeClient, InvokeModelCommand, InvokeModelWithResponseStreamCommand } from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { readAll, runSteps } from './steps.mjs';

// The token is AWS_BEARER_TOKEN_BEDROCK, which holds the placeholder. Its own handler speaks HTTP/2 without TLS to an http:// URL.
const client = (base) =>
  new BedrockRuntimeClient({ endpoint: base, region: 'us-east-1', maxAttempts: 1, requestHandler: new NodeHttpHandler() });
const ask = { modelId: 'm', contentType: 'application/json', body: '{}' };

await runSteps({
  call: async (base) => {
    const { body, $metadata } = await client(base).send(new InvokeModelCommand(ask));
    return { status: $metadata.httpStatusCode, saw: new TextDecoder().decode(body) };
  },
  stream: async (base, onPiece) => readAll((await client(base).send(new InvokeModelWithResponseStreamCommand(ask))).body, onPiece),
});

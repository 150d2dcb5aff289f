/**
 * Every header that some service reads a credential from: what the agent sends in one never goes to a matched destination (INV-9).
 * `cookie` is not among them: cookies are the agent's own state, and are removed only where ours is injected as one.
 */
const credentialHeaders = [
  'authorization',
  'x-authorization',
  'x-forwarded-authorization',
  'x-api-key',
  'x-apikey',
  'api-key',
  'apikey',
  'x-api-token',
  'x-goog-api-key',
  'x-goog-iam-authorization-token',
  'x-auth-token',
  'x-auth-key',
  'x-access-token',
  'x-session-token',
  'x-token',
  'token',
  'private-token',
  'job-token',
  'deploy-token',
  'x-amz-security-token',
  'x-vault-token',
  'x-consul-token',
  'x-subscription-token',
  'x-rapidapi-key',
  'x-figma-token',
  'x-shopify-access-token',
  'x-algolia-api-key',
  'x-bb-api-key',
  'x-finnhub-token',
  'x-honeycomb-team',
  'x-n8n-api-key',
  'x-postmark-server-token',
  'x-typesense-api-key',
  'xi-api-key',
  'circle-token',
  'plaid-secret',
  'shortcut-token',
  'dd-api-key',
  'dd-application-key',
  'ocp-apim-subscription-key',
];

/** RFC 9110 section 7.6.1, and what older proxies and HTTP/2 upgrades understand. Trailers end here too, so they are not announced. */
const hopByHop = ['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings'];

/** Policy judged the method and the path of the request line: nothing may tell the upstream to take others. */
const overrides = [
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-method',
  'x-original-url',
  'x-original-uri',
  'x-rewrite-url',
  'x-forwarded-host',
  'x-forwarded-prefix',
  'x-forwarded-uri',
  'x-original-host',
];

/** Written anew from what was parsed. */
const rebuilt = ['host', 'content-length', 'accept-encoding', 'expect'];

/** What would have the vendor code its messages in a way that can't be searched for the secret (INV-10): no WebSocket extension is agreed on, no message compressed. */
const messageCodings = ['sec-websocket-extensions', 'grpc-accept-encoding', 'connect-accept-encoding'];

const credential: ReadonlySet<string> = new Set(credentialHeaders);
const stripped: ReadonlySet<string> = new Set([...credentialHeaders, ...hopByHop, ...overrides, ...rebuilt, ...messageCodings]);

/** Whether a header of the agent's ends here, by its name in lower case, with dashes for underscores. */
export function isStripped(lowerName: string): boolean {
  return stripped.has(lowerName) || lowerName.startsWith('proxy-') || lowerName.startsWith('x-leasehold-');
}

/** What servers log, store or show, and never read a credential from: metadata of objects among it, and what a request is traced or known again by. */
const descriptive = new RegExp(
  `^(?:${[
    'user-agent|referer|origin|from|range|pragma|cache-control|via|forwarded|idempotency-key|traceparent|tracestate|baggage',
    '(?:accept|content|if|sec|x-forwarded|x-b3|x-amzn-trace)(?:-.*)?',
    'x-(?:request|correlation|trace)-id|x-cloud-trace-context',
    'x-(?:.*-)?meta(?:data)?-.*',
  ].join('|')})$`,
);

/** Whether a placeholder may be replaced in it (THREATS 2): services have headers of their own names, but not of these. */
export function mayCarryCredential(lowerName: string): boolean {
  return credential.has(lowerName) || !(isStripped(lowerName) || descriptive.test(lowerName));
}

/** Browsers can't set headers on a WebSocket: services take a credential among its subprotocols instead (OpenAI's Realtime API; Kubernetes). */
const credentialProtocol = /^(?:openai-insecure-api-key|base64url\.bearer\.authorization\.k8s\.io)\./i;

/** A `Sec-WebSocket-Protocol` of the agent's without such. Empty when nothing is left. */
export function withoutCredentialProtocols(value: string): string {
  const protocols = value.split(',').map((protocol) => protocol.trim());
  return protocols.filter((protocol) => !credentialProtocol.test(protocol)).join(', ');
}

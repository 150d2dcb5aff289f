import Stripe from 'stripe';
import { readAll, refusalCode, runSteps } from './steps.mjs';

// Its own Node client has an agent that looks at no proxy variable; its fetch client is Node's fetch.
function client(base) {
  const { hostname, port, protocol } = new URL(base);
  return new Stripe(process.env.STRIPE_API_KEY, {
    host: hostname,
    protocol: protocol.slice(0, -1),
    port: port || (protocol === 'https:' ? 443 : 80),
    maxNetworkRetries: 0,
    telemetry: false,
    httpClient: Stripe.createFetchHttpClient(),
  });
}

await runSteps({
  call: async (base) => {
    const list = await client(base).customers.list();
    return { status: list.lastResponse.statusCode, code: refusalCode(list.lastResponse.headers), saw: JSON.stringify(list) };
  },
  stream: async (base, onPiece) => readAll(await client(base).quotes.pdf('qt_stream'), onPiece),
});

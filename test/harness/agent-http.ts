import { request } from 'node:http';

export interface AgentAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** `error.code` of a Leasehold refusal, else undefined. */
  readonly code: string | undefined;
}

export interface AgentAsk {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer;
}

/** A call as an agent with `http_proxy` makes it: the whole URL in the request line. */
export function throughProxy(proxyPort: number, url: string, ask: AgentAsk = {}): Promise<AgentAnswer> {
  return send(proxyPort, url, { ...ask, headers: { host: new URL(url).host, ...ask.headers } });
}

/** A call to the base URL: `path` begins with `/<credential>/`. */
export function throughBaseUrl(proxyPort: number, path: string, ask: AgentAsk = {}): Promise<AgentAnswer> {
  return send(proxyPort, path, ask);
}

function send(port: number, path: string, { method = 'GET', headers = {}, body }: AgentAsk): Promise<AgentAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, method, path, headers: { ...headers }, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: text,
          code: refusalCode(response.headers['x-leasehold-error']),
        });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function refusalCode(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined;
}

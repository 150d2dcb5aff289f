import { Agent, type ClientRequest, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { AppError } from '@leasehold/core';
import type HttpProxy from 'http-proxy';
import type { OutgoingRequest, UpstreamEvents } from '../../ports/upstream.ts';
import { AgentSide } from './agent-side.ts';
import { AnsweredExchange } from './answered-exchange.ts';
import type { Dial } from './connect.ts';
import { Leg } from './leg.ts';

export interface WebSocketTimes {
  /** Longest wait for the answer to a handshake, ms. */
  readonly headersTimeoutMs: number;
  /** How long a vendor may go on after the agent has ended its side, ms. */
  readonly halfOpenMs: number;
}

/** One WebSocket: dialled and its TLS verified first, then the gate in the tick that writes the handshake, then two sides that `http-proxy` joins. */
export class WebSocketExchange extends AnsweredExchange {
  readonly #proxy: HttpProxy;
  readonly #times: WebSocketTimes;
  readonly #onGone: () => void;
  #agentSide: AgentSide | undefined;
  #vendorLeg: Leg | undefined;
  /** An answer that is no agreement. */
  #refusal: IncomingMessage | undefined;
  #patience: NodeJS.Timeout | undefined;

  constructor(proxy: HttpProxy, request: OutgoingRequest, on: UpstreamEvents, times: WebSocketTimes, onGone: () => void) {
    super(request, on);
    this.#proxy = proxy;
    this.#times = times;
    this.#onGone = onGone;
  }

  begin(dial: Dial): void {
    dial((error, socket) => {
      if (this.isOver) socket?.destroy();
      else if (socket === null) this.failed(error);
      else this.#shakeHands(socket);
    });
  }

  close(why: AppError): void {
    this.failed(why);
  }

  protected override pauseVendor(): void {
    if (this.#refusal === undefined) this.#agentSide?.stop();
    else this.#refusal.pause();
  }

  protected override resumeVendor(): void {
    if (this.#refusal === undefined) this.#agentSide?.goOn();
    else this.#refusal.resume();
  }

  /** Both sides are ours to cut: `http-proxy` ends one when the other ends well, and no more than that. */
  protected override drop(): void {
    clearTimeout(this.#patience);
    this.#vendorLeg?.destroy();
    this.#agentSide?.destroy();
    this.#onGone();
  }

  #shakeHands(socket: Socket): void {
    const { body = noBody, host } = this.request;
    let hasLeft = false;
    const pass = (): void => {
      if (hasLeft) return;
      const why = this.on.refusal();
      if (why !== undefined) throw why;
      hasLeft = true;
      this.on.left();
    };
    const vendorLeg = new Leg(socket, pass, { isFirstCleared: true });
    const agentSide = new AgentSide(body, { frames: (chunk) => this.#attempt(() => this.received(chunk)), ended: () => this.#whole({}) });
    this.#vendorLeg = vendorLeg;
    this.#agentSide = agentSide;
    vendorLeg.on('error', (error) => this.lost(error));
    vendorLeg.on('close', () => this.lost(closedEarly(host)));
    agentSide.on('error', (error) => this.lost(error));
    agentSide.on('end', () => this.#wait(this.#times.halfOpenMs));
    this.#wait(this.#times.headersTimeoutMs);
    this.#attempt(() => {
      const options = {
        target: { host, port: this.request.destination.port, protocol: 'http:' },
        agent: onlyOver(vendorLeg),
        toProxy: true,
      };
      let handshake: ClientRequest | undefined;
      this.#proxy.on('proxyReqWs', (made) => {
        handshake = made;
        this.#prepare(made);
      });
      this.#proxy.ws(handshakeOf(this.request), agentSide, nothing, options, (error) => this.failed(error));
      // `http-proxy` would forward such an answer with the framing that is taken off already.
      handshake?.removeAllListeners('response').once('response', (answer) => this.#attempt(() => this.#answeredOtherwise(answer)));
    });
  }

  /** The handshake is about to be written: `http-proxy` asks for changes. Its own listeners come after these. */
  #prepare(handshake: ClientRequest): void {
    // Its way of joining paths would change some; what policy saw is what goes out (THREATS 6).
    handshake.path = this.request.path;
    handshake.on('information', ({ statusCode, headers }) => {
      if (statusCode !== 100) this.#attempt(() => this.answered(statusCode, headers, false));
    });
    handshake.once('upgrade', (answer) => this.#attempt(() => this.#agreed(answer)));
  }

  #agreed({ headers }: IncomingMessage): void {
    if (this.isOver) return;
    // Frames of an extension could not be read, so none was offered.
    if (headers.upgrade?.toLowerCase() !== 'websocket' || headers['sec-websocket-extensions'] !== undefined)
      throw new AppError('upstream_protocol_error', `${this.request.host} agreed to something that it was not asked for.`);
    clearTimeout(this.#patience);
    this.answered(101, headers, false);
  }

  #answeredOtherwise(answer: IncomingMessage): void {
    if (this.isOver) return;
    clearTimeout(this.#patience);
    this.#refusal = answer;
    answer.on('data', (chunk: Buffer) => {
      if (!this.received(chunk)) answer.pause();
    });
    answer.on('end', () => this.#whole(answer.trailers));
    answer.on('error', (error) => this.lost(error));
    this.answered(answer.statusCode ?? 502, answer.headers, false);
  }

  #whole(trailers: IncomingMessage['headers']): void {
    this.ended(trailers);
    this.drop();
  }

  #wait(ms: number): void {
    clearTimeout(this.#patience);
    const { host } = this.request;
    this.#patience = setTimeout(() => this.failed(tooSlow(host)), ms);
  }

  /** What is thrown in a listener would end the process. */
  #attempt(act: () => void): void {
    try {
      act();
    } catch (thrown) {
      this.failed(thrown);
    }
  }
}

const nothing = Buffer.alloc(0);
const noBody: AsyncIterable<Uint8Array> = {
  async *[Symbol.asyncIterator]() {
    yield* [];
  },
};

/** An agent of Node's client that knows one connection. */
function onlyOver(leg: Leg): Agent {
  const agent = new Agent({ keepAlive: false });
  agent.createConnection = () => leg;
  return agent;
}

function handshakeOf({ method, path, headers }: OutgoingRequest): IncomingMessage {
  const byName = new Map<string, { readonly name: string; readonly values: string[] }>();
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? '';
    const value = headers[index + 1] ?? '';
    const known = byName.get(name.toLowerCase());
    if (known === undefined) byName.set(name.toLowerCase(), { name, values: [value] });
    else known.values.push(value);
  }
  const grouped = Object.fromEntries([...byName.values()].map(({ name, values }) => [name, values.length === 1 ? values[0] : values]));
  return Object.assign(new IncomingMessage(new Socket()), {
    method,
    url: path,
    headers: { ...grouped, connection: 'Upgrade', upgrade: 'websocket' },
  });
}

function closedEarly(host: string): AppError {
  return new AppError('upstream_unreachable', `${host} closed the connection. Try again.`);
}

function tooSlow(host: string): AppError {
  return new AppError('upstream_timeout', `${host} took too long to answer, or to end a WebSocket that the agent had ended. Try again.`);
}

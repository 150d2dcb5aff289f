/** A: `http://` URL through the proxy · B: `https://` URL through the proxy · C: base URL on the sidecar itself. */
export type Way = 'A' | 'B' | 'C';

export type Speaks = 'HTTP' | 'WebSocket' | 'gRPC';

export type RuntimeName =
  | 'node20'
  | 'node22'
  | 'node24'
  | 'node26'
  | 'bun'
  | 'deno'
  | 'curl'
  | 'wget'
  | 'git'
  | 'python'
  | 'python-packages'
  | 'go'
  | 'java'
  | 'chromium';

export interface Client {
  /** Its row in the table; once in the list. */
  readonly name: string;
  /** HTTP when not given. */
  readonly speaks?: Speaks;
  readonly runtime: RuntimeName;
  /** The package whose version is the client's, where that is not the runtime's. */
  readonly carriedBy?: string;
  /** A file under `programs/`, and its arguments. */
  readonly program: readonly string[];
  readonly ways: readonly Way[];
  /** The service that an SDK is made for: its template says what goes where, and what the SDK finds in its environment. */
  readonly service?: Service;
  /** It reads answers whole, so that it can't tell when the first piece has come. */
  readonly readsWhole?: true;
  /** It tells its program nothing of a refusal but that there was one. */
  readonly hidesRefusals?: true;
  /** What a user has to know. */
  readonly note?: string;
}

export interface Service {
  readonly template: string;
  /** What the template asks for, as `--set` takes it. */
  readonly set?: readonly string[];
  /** Hosts of the service that the SDK calls in way B, where its URLs are the real ones; the first is its base. */
  readonly hosts: readonly [string, ...string[]];
}

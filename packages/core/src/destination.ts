/** Where a credential may go. All fields are canonical: made by `parseDestination`, compared byte by byte. */
export interface Destination {
  readonly scheme: 'https' | 'http';
  /** Exact host, or `*.` and a host: exactly one label to the left (RFC 6125 section 6.4.3, left-most label only). */
  readonly hostPattern: string;
  readonly port: number;
  /** Upper-case methods; empty means every method. */
  readonly methods: readonly string[];
  /** Absolute canonical prefixes that end at a segment boundary; empty means every path. */
  readonly pathPrefixes: readonly string[];
  /** CA certificates (PEM) to trust in place of the system's; undefined means the system's. */
  readonly caPem: string | undefined;
  /** CIDR ranges, otherwise refused, that this destination may resolve to. */
  readonly privateCidrs: readonly string[];
}

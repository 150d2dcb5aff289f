/** Makes the certificates with which TLS to an allowed host is ended here. The key of its CA never leaves it. */
export interface LeafIssuer {
  /** A certificate for one host, a name or an IP address, both canonical. Synchronous, so no two are ever made for one host at a time. */
  issue(host: string): Leaf;
}

export interface Leaf {
  readonly certPem: string;
  /** For memory alone. */
  readonly keyPem: string;
  /** Wall clock, ms: from here on another is asked for. */
  readonly renewAtMs: number;
}

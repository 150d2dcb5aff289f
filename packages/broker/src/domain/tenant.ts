/** Unit of isolation; owns data-encryption keys and a revocation log of its own. */
export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly status: 'active' | 'suspended';
  /** Whether its agents are told the names of credentials that they have no grant on. */
  readonly agentsDiscoverNames: boolean;
  /** Seq of the newest revocation of tenant scope: leases issued before it are dead. Set by the store alone. */
  readonly cutSeq: number;
  /** Wall-clock milliseconds of the database. */
  readonly createdAt: number;
}

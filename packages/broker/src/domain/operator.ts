/** Who may use the admin API. */
export interface Operator {
  readonly id: string;
  readonly name: string;
  /** The one tenant that this operator may touch; undefined means all of them. */
  readonly tenantId: string | undefined;
  readonly tokenHash: Uint8Array;
  readonly createdAt: number;
}

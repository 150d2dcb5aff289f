/** `alert`: the client said that it does not take the certificate. `silent`: it left without a word on seeing it, as Node does. */
export type TlsRejection = 'alert' | 'silent';

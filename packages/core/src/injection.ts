/** How a value goes on the wire. */
export type Injection =
  | { readonly kind: 'header'; readonly name: string /** Holds `{value}` exactly once. */; readonly template: string }
  | { readonly kind: 'basic' /** RFC 7617 user-id: no colon. */; readonly username: string }
  | { readonly kind: 'query'; readonly name: string };

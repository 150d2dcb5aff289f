const loopbackNames: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '::1']);

/** Whether an authority is our own port on this machine. */
export function isOurName({ host, port }: { readonly host: string; readonly port: number }, ownPort: number): boolean {
  return port === ownPort && loopbackNames.has(host);
}

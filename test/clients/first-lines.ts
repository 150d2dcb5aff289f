import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to the proxy that writes down how each connection begins. */
export interface FirstLines {
  /** http://127.0.0.1:PORT */
  readonly url: string;
  /** The first line of each connection, oldest first. */
  readonly lines: readonly string[];
  close(): Promise<void>;
}

export async function startFirstLines(proxyPort: number): Promise<FirstLines> {
  const lines: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((outer) => {
    const inner = connect(proxyPort, '127.0.0.1');
    outer.once('data', (piece: Buffer) => lines.push(piece.toString('latin1').split('\r\n')[0] ?? ''));
    for (const [from, to] of [
      [outer, inner],
      [inner, outer],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.pipe(to);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    lines,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

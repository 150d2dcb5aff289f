import util from 'node:util';
import HttpProxy from 'http-proxy';

/** Makes proxies of the `http-proxy` library, one for each WebSocket, so that its events need no telling apart. */
export function createHttpProxies(): () => HttpProxy {
  spendDeprecation();
  return () => HttpProxy.createProxyServer();
}

/** The library calls `util._extend`, for which Node warns once a process (DEP0060). Operators can do nothing about it, so that once is now, unheard. */
function spendDeprecation(): void {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    if ('_extend' in util && typeof util._extend === 'function') util._extend({}, {});
  } finally {
    process.emitWarning = emitWarning;
  }
}

import { expect, test } from 'vitest';
import { refuseUnsafeEnvironment } from './unsafe-environment.ts';

test.each([
  [{ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, []],
  [{ NODE_TLS_REJECT_UNAUTHORIZED: '1' }, []],
  [{ NODE_DEBUG: 'http' }, []],
  [{ NODE_DEBUG_NATIVE: 'http2' }, []],
  [{ GRPC_TRACE: 'all' }, []],
  [{ GRPC_NODE_TRACE: 'all' }, []],
  [{ GOOGLE_SDK_NODE_LOGGING: '*' }, []],
  [{ SSLKEYLOGFILE: '/tmp/keys' }, []],
  [{ NODE_OPTIONS: '--max-old-space-size=100 --inspect=0' }, []],
  [{ NODE_OPTIONS: '"--inspect"' }, []],
  [{ NODE_OPTIONS: '--heapsnapshot_signal=SIGUSR2' }, []],
  [{}, ['--tls-keylog=/tmp/keys']],
  [{}, ['--tls_keylog=/tmp/keys']],
])('an environment that exposes secrets is refused at start: %j %j', (env, execArgv) => {
  expect(() => refuseUnsafeEnvironment(env, execArgv)).toThrow();
});

test('an ordinary environment is accepted', () => {
  expect(() => refuseUnsafeEnvironment({ NODE_OPTIONS: '--max-semi-space-size=1', PATH: '/bin' }, ['--enable-source-maps'])).not.toThrow();
});

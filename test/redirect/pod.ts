// The sidecar's data path in the pod, with a lease in hand, under a user of its own.
import { routeTo, startDataPath } from '../data-path/rig.ts';
import { outside } from './namespaces.ts';

const { uid, vendorCaPem } = JSON.parse(process.argv[2] ?? '{}');
process.setgid?.(uid);
process.setuid?.(uid);

const path = await startDataPath({ redirect: { http: 7_482, tls: 7_483 } });
path.names.set('api.example.test', [[outside.ipv4]]);
path.names.set('six.example.test', [[outside.ipv6]]);
const privateCidrs = ['10.99.0.0/16', 'fd00:99::/64'];
path.route(
  routeTo('https://api.example.test', { destination: { privateCidrs, caPem: vendorCaPem } }),
  routeTo('https://six.example.test', {
    destination: { privateCidrs, caPem: vendorCaPem },
    credentialId: 'crd_six',
    credentialName: 'six',
  }),
);
process.stdout.write(`${JSON.stringify({ caPem: path.caPem })}\n`);
process.stdin.on('end', () => process.exit(0)).resume();

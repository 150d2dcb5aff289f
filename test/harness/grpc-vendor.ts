import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { createTestCa } from './certificates.ts';

/** A vendor's gRPC API that repeats what it is told, with one method of each kind, and writes down the metadata of each call. */
export interface GrpcVendor {
  readonly url: string;
  readonly port: number;
  readonly caPem: string;
  readonly seen: { readonly method: string; readonly metadata: Metadata }[];
  /** How calls ended that nobody answered: `cancelled` for each. */
  readonly ended: string[];
  close(): void;
}

const bytes = { serialize: (value: Buffer) => value, deserialize: (value: Buffer) => value };
const kind = (path: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/leasehold.test.Echo/${path}`,
  requestStream,
  responseStream,
  requestSerialize: bytes.serialize,
  requestDeserialize: bytes.deserialize,
  responseSerialize: bytes.serialize,
  responseDeserialize: bytes.deserialize,
});

export const echoService = {
  unary: kind('Unary', false, false),
  collect: kind('Collect', true, false),
  repeat: kind('Repeat', false, true),
  chat: kind('Chat', true, true),
  never: kind('Never', false, false),
} satisfies ServiceDefinition;

export async function startGrpcVendor(): Promise<GrpcVendor> {
  const ca = await createTestCa('gRPC vendor CA');
  const { certPem, keyPem } = await ca.issue(['localhost']);
  const seen: GrpcVendor['seen'] = [];
  const ended: string[] = [];
  const server = new Server();
  const note = (method: string, { metadata }: { readonly metadata: Metadata }) => {
    seen.push({ method, metadata });
    return metadata;
  };
  server.addService(echoService, {
    unary: (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
      const metadata = note('unary', call);
      call.sendMetadata(metadata);
      if (String(call.request) === 'fail') callback({ code: status.FAILED_PRECONDITION, details: `no: ${metadata.get('authorization')}` });
      else callback(null, Buffer.concat([call.request, Buffer.from(` ${metadata.get('authorization')}`)]), metadata);
    },
    collect: (call: ServerReadableStream<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
      note('collect', call);
      const parts: Buffer[] = [];
      call.on('data', (part: Buffer) => parts.push(part));
      call.on('end', () => callback(null, Buffer.concat(parts)));
    },
    repeat: (call: ServerWritableStream<Buffer, Buffer>) => {
      note('repeat', call);
      for (let n = 0; n < 5; n += 1) call.write(call.request);
      call.end();
    },
    chat: (call: ServerDuplexStream<Buffer, Buffer>) => {
      note('chat', call);
      call.on('data', (part: Buffer) => call.write(part));
      call.on('end', () => call.end());
      call.on('cancelled', () => ended.push('chat cancelled'));
      call.on('error', () => undefined);
    },
    never: (call: ServerUnaryCall<Buffer, Buffer>) => {
      note('never', call);
      call.on('cancelled', () => ended.push('never cancelled'));
    },
  });
  const credentials = ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(certPem), private_key: Buffer.from(keyPem) }]);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error))),
  );
  return { url: `https://localhost:${port}`, port, caPem: ca.caPem, seen, ended, close: () => server.forceShutdown() };
}

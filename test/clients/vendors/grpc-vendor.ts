import { join } from 'node:path';
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { Identity } from '../../harness/certificates.ts';
import type { Account } from './account.ts';
import { answerOf } from './answers.ts';
import { endlessly } from './endless-answer.ts';
import { type GuestBook, openGuestBook } from './guest-book.ts';

interface Text {
  readonly value: string;
}

export interface GrpcVendor {
  readonly port: number;
  open(account: Account): GuestBook;
  close(): void;
}

/** programs/proto/vendor.proto, for many hosts on one port. */
export async function startGrpcVendor({ certPem, keyPem }: Identity): Promise<GrpcVendor> {
  const books = new Map<string, GuestBook>();
  const server = new Server();
  const bookFor = (call: Pick<ServerUnaryCall<Text, Text>, 'getHost' | 'metadata' | 'getPath'>): GuestBook | undefined => {
    const book = books.get(call.getHost().replace(/:443$/, ''));
    if (book === undefined) return undefined;
    const texts = call.metadata.get(book.account.header.name);
    const isRightful = texts.length === 1 && texts[0] === book.account.header.text;
    book.visits.push({ path: call.getPath(), isRightful });
    return isRightful ? book : undefined;
  };
  const stranger = { code: status.UNAUTHENTICATED, details: 'no such key' };
  server.addService(vendorService(), {
    Say: (call: ServerUnaryCall<Text, Text>, done: sendUnaryData<Text>) => {
      const book = bookFor(call);
      if (book === undefined) done(stranger);
      else done(null, { value: JSON.stringify(answerOf(book.account, call.metadata.getMap())) });
    },
    GoOn: (call: ServerWritableStream<Text, Text>) => {
      const book = bookFor(call);
      if (book === undefined) call.destroy(Object.assign(new Error(stranger.details), stranger));
      else {
        call.once('cancelled', () => call.emit('close'));
        endlessly(call, () => call.write({ value: 'on and ' }), book);
      }
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    const identity = [{ cert_chain: Buffer.from(certPem), private_key: Buffer.from(keyPem) }];
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, identity), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    port,
    open: (account) => {
      const book = openGuestBook(account);
      for (const host of account.hosts) books.set(host, book);
      return book;
    },
    close: () => server.forceShutdown(),
  };
}

function vendorService(): ServiceDefinition {
  const definition = loadSync(join(import.meta.dirname, '..', 'programs', 'proto', 'vendor.proto'))['vendor.Vendor'];
  if (definition === undefined || 'format' in definition) throw new Error('vendor.proto describes no service');
  return definition;
}

import { readFileSync } from 'node:fs';
import { missingIn, readInvariants } from './invariants.ts';

/** `node test/docs/invariants-ran.ts REPORT`: exit code 1 unless every test that docs/security-invariants.md names ran and passed. */
const [, , path = ''] = process.argv;
const invariants = readInvariants();
const missing = missingIn(JSON.parse(readFileSync(path, 'utf8')), invariants);
for (const line of missing) process.stderr.write(`${line}\n`);
process.stdout.write(`${invariants.flatMap(({ tests }) => tests).length} tests of ${invariants.length} invariants looked for\n`);
process.exitCode = missing.length > 0 ? 1 : 0;

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { runSteps } from './steps.mjs';

// certutil comes with Debian's libnss3-tools.
const database = `${process.env.HOME}/.pki/nssdb`;
mkdirSync(database, { recursive: true });
execFileSync('certutil', ['-d', `sql:${database}`, '-N', '--empty-password']);
execFileSync('certutil', ['-d', `sql:${database}`, '-A', '-t', 'C,,', '-n', 'leasehold', '-i', process.env.NODE_EXTRA_CA_CERTS]);

// A browser takes its proxy and its CA from elsewhere than the environment: a flag, and the NSS database in $HOME.
const browser = await chromium.launch({
  executablePath: process.argv[2],
  args: ['--no-sandbox', '--disable-background-networking'],
  proxy: { server: process.env.http_proxy, bypass: '127.0.0.1,localhost' },
});
const page = await browser.newPage();
const tellPage = (base) => page.goto(`${base}/page`, { waitUntil: 'commit' });

await runSteps({
  call: async (base) => {
    await tellPage(base);
    return page.evaluate(async () => {
      const answer = await fetch('v1/thing');
      return { status: answer.status, code: answer.headers.get('x-leasehold-error') ?? undefined, saw: await answer.text() };
    });
  },
  stream: async (base, onPiece) => {
    await page.exposeFunction('onPiece', onPiece);
    await tellPage(base);
    await page.evaluate(async () => {
      const reader = (await fetch('stream')).body.getReader();
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) await window.onPiece();
    });
  },
});

import { Octokit } from '@octokit/rest';
import { readAll, runSteps } from './steps.mjs';

const client = (base) => new Octokit({ baseUrl: base });

await runSteps({
  call: async (base) => {
    const { status, data } = await client(base).rest.users.getAuthenticated();
    return { status, saw: JSON.stringify(data) };
  },
  stream: async (base, onPiece) => {
    const { data } = await client(base).request('GET /repos/{owner}/{repo}/tarball/{ref}', {
      owner: 'o',
      repo: 'r',
      ref: 'main',
      request: { parseSuccessResponseBody: false },
    });
    await readAll(data, onPiece);
  },
});

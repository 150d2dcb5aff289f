import { WebClient } from '@slack/web-api';
import { runSteps } from './steps.mjs';

const client = (base) => new WebClient(undefined, { slackApiUrl: `${base}/api/`, retryConfig: { retries: 0 }, timeout: 0 });

await runSteps({
  call: async (base) => ({ status: 200, saw: JSON.stringify(await client(base).auth.test()) }),
  // It reads answers whole: this one never gets there.
  stream: (base) => client(base).apiCall('stream'),
});

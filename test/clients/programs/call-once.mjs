// One call by fetch, for tests that look at something else than the steps.
import { spelled } from './steps.mjs';

try {
  const answer = await fetch(process.env.URL_TO_CALL);
  process.stdout.write(`${answer.status} ${await answer.text()}\n`);
} catch (error) {
  process.stdout.write(`${spelled(error)}\n`);
}

// What every JavaScript client of the matrix does, one JSON line a step: call what is granted, call what is not, then read an answer that
// never ends until something ends it. Whatever a client throws is told, never thrown away: the canary is searched for in all of it.
const { GRANTED_URL, UNGRANTED_URL } = process.env;

/**
 * @param client.call takes a base URL; resolves with `{ status, code, saw }`, or throws what the client throws.
 * @param client.stream takes a base URL and a function to call when the first piece has come; resolves when the answer has ended cleanly.
 */
export async function runSteps({ call, stream }) {
  tell({ step: 'call', ...(await outcome(() => call(GRANTED_URL))) });
  tell({ step: 'refused', ...(await outcome(() => call(UNGRANTED_URL))) });
  let isReceiving = false;
  const over = await outcome(async () => {
    await stream(GRANTED_URL, () => {
      if (!isReceiving) tell({ step: 'receiving' });
      isReceiving = true;
    });
    return {};
  });
  tell({ step: 'over', how: over.error === undefined ? 'ended' : 'cut', ...over });
  process.exit(0);
}

/** The SDK finds this base URL in its environment by itself. */
export const isFound = (base, variable) => base === GRANTED_URL && process.env[variable] !== undefined;

/** Reads an async iterable to its end. */
export async function readAll(pieces, onPiece) {
  for await (const _ of pieces) onPiece();
}

export const refusalCode = (headers) =>
  (typeof headers?.get === 'function' ? headers.get('x-leasehold-error') : headers?.['x-leasehold-error']) ?? undefined;

async function outcome(act) {
  try {
    return await act();
  } catch (error) {
    // SDKs name the status of an answer in different places.
    const status =
      error.status ?? error.statusCode ?? error.response?.status ?? error.response?.statusCode ?? error.$metadata?.httpStatusCode;
    const headers = error.headers ?? error.response?.headers ?? error.$response?.headers;
    return { error: spelled(error), status, code: refusalCode(headers) };
  }
}

/** An error with its causes. */
export function spelled(error) {
  const causes = [];
  for (let each = error; each !== undefined && each !== null && causes.length < 5; each = each.cause ?? each.detail)
    causes.push(String(each.message ?? each));
  return [error.code, ...causes].filter(Boolean).join(' · ');
}

function tell(fact) {
  process.stdout.write(`${JSON.stringify(fact)}\n`);
}

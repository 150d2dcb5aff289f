import { AppError, type Authority, parseAbsoluteTarget } from '@leasehold/core';

/** Whether an authority is one that the base URL is served under. */
type IsOurs = (authority: Authority) => boolean;

/**
 * A page in a browser on this machine may call any loopback address, forms and WebSockets without being asked (THREATS 16), and would be lent what
 * the agent was granted. Browsers say where a request comes from: `Sec-Fetch-Site` (https://www.w3.org/TR/fetch-metadata/), and `Origin` (RFC 6454
 * section 7), which pages can't change. A page that was loaded by the base URL itself may call it. Clients that are no browsers send neither, or an
 * Origin that is the address they call. Throws AppError `forbidden`.
 */
export function refuseForeignPages(rawHeaders: readonly string[], isOurs: IsOurs): void {
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.length !== 6 && name.length !== 14) continue;
    const value = rawHeaders[index + 1] ?? '';
    switch (name.toLowerCase()) {
      case 'sec-fetch-site':
        if (value !== 'none' && value !== 'same-origin') throw fromPage(`Sec-Fetch-Site: ${value}`);
        break;
      case 'origin':
        if (!isOwnOrigin(value, isOurs)) throw fromPage(`Origin: ${value}`);
    }
  }
}

/** Some clients of WebSockets name what they call. */
function isOwnOrigin(origin: string, isOurs: IsOurs): boolean {
  try {
    return isOurs(parseAbsoluteTarget(origin));
  } catch {
    return false;
  }
}

function fromPage(header: string): AppError {
  return new AppError(
    'forbidden',
    `This request comes from a web page (${header}). The base URL lends nothing to pages from elsewhere: call it from a program, without that header.`,
  );
}

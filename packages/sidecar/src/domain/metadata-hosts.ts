/** Where clouds lend credentials of their own to whoever asks; keyless SDKs try them through the proxy. */
const metadataHosts: ReadonlySet<string> = new Set([
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '100.100.100.200',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'instance-data',
]);

export function isMetadataHost(host: string): boolean {
  return metadataHosts.has(host);
}

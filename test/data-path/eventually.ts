/** Looks again after each turn of the event loop. */
export async function eventually(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error('did not come about');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

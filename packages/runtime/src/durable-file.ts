import { randomUUID } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a file whole or not at all, and never in place of another: answers false when anything, a dangling link included, is there already.
 * Durable once it resolves. What the file system refuses is thrown as it is: the caller knows what to say.
 */
export async function createFileOnce(path: string, content: string | Uint8Array, mode: number): Promise<boolean> {
  const draft = await writeDraft(path, content, mode);
  try {
    await link(draft, path);
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST') return false;
    throw thrown;
  } finally {
    await rm(draft, { force: true });
  }
  await syncDirectoryOf(path);
  return true;
}

/** Replaces a file whole: a crash leaves the old one or the new one. */
export async function replaceFile(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const draft = await writeDraft(path, content, mode);
  try {
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
  await syncDirectoryOf(path);
}

/** Under a name of its own each time: a process id comes again in every container, and so would the draft that a crash left. */
async function writeDraft(path: string, content: string | Uint8Array, mode: number): Promise<string> {
  const draft = `${path}.${randomUUID()}.new`;
  const file = await open(draft, 'wx', mode & 0o600);
  try {
    // Before the first byte, and whatever the umask is.
    await file.chmod(mode);
    await file.writeFile(content);
    await file.sync();
  } catch (thrown) {
    await rm(draft, { force: true });
    throw thrown;
  } finally {
    await file.close();
  }
  return draft;
}

/** A new name is on disk only when its directory is. */
async function syncDirectoryOf(path: string): Promise<void> {
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

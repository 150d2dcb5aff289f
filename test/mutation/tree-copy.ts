import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The working tree as it is, somewhere else, ready to run. */
export interface TreeCopy {
  readonly dir: string;
  remove(): void;
}

export function copyTree(root: string): TreeCopy {
  const dir = mkdtempSync(join(tmpdir(), 'leasehold-mutation-'));
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
    .split('\0')
    .filter((file) => file !== '' && existsSync(join(root, file)));
  for (const file of files) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    cpSync(join(root, file), join(dir, file));
  }
  // What a package may import are links into the store, and to its neighbours: those must be the neighbours in the copy.
  for (const owner of new Set(files.filter((file) => file.endsWith('package.json')).map((file) => dirname(file)))) {
    const modules = join(root, owner, 'node_modules');
    if (!existsSync(modules)) continue;
    if (owner === '.') symlinkSync(modules, join(dir, 'node_modules'));
    else cpSync(modules, join(dir, owner, 'node_modules'), { recursive: true, verbatimSymlinks: true });
  }
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

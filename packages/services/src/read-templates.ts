import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** One template as it is written, and the file that it is written in. */
export interface TemplateFile {
  readonly file: string;
  readonly text: string;
}

/** All files of `templates/`. A bundle has no folder beside it: `deploy/bundle.ts` puts their contents in the place of this module. */
export async function readTemplates(): Promise<readonly TemplateFile[]> {
  const folder = new URL('../templates/', import.meta.url);
  const files = (await readdir(fileURLToPath(folder))).filter((file) => file.endsWith('.json'));
  return Promise.all(files.map(async (file) => ({ file, text: await readFile(new URL(file, folder), 'utf8') })));
}

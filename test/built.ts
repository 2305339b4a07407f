/** Whether what a build made is newer than all that it was made of. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export async function isBuilt(made: string, ...of: string[]): Promise<boolean> {
  const sources = await Promise.all(of.map(newest));
  return (await newest(made)) > Math.max(...sources);
}

/** When the last of the files in `path` changed, in milliseconds; 0 where there are none. */
async function newest(path: string): Promise<number> {
  const root = new URL(`../${path}`, import.meta.url).pathname;
  const names = await readdir(root, { recursive: true }).catch(() => ['']);
  const times = await Promise.all(
    names.map((name) =>
      stat(join(root, name)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  return Math.max(0, ...times);
}

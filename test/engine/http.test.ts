/** The engine behind the loopback host: every value is JSON, as for the page. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createEngine } from '../../src/main/engine.ts';
import { serveWeb } from '../../src/main/web.ts';
import { httpClient } from '../../src/shared/http.ts';
import { engineSuite } from './suite.ts';

const token = 'a-token-of-the-engine-suite-over-http';

engineSuite('the engine, over HTTP', async (library) => {
  const engine = await createEngine({ library, access: 'write', holder: 'the HTTP suite' });
  const pageDir = path.join(path.dirname(library), 'page');
  await mkdir(pageDir);
  await writeFile(path.join(pageDir, 'index.html'), '<!doctype html><title>Iris</title>');
  const host = await serveWeb(engine, { pageDir, token });
  return {
    api: httpClient(host.origin, token),
    engine,
    async close() {
      await host.close();
      await engine.close();
    },
  };
});

/** The engine as its host holds it. */
import { createEngine } from '../../src/main/engine.ts';
import { engineSuite } from './suite.ts';

engineSuite('the engine, called directly', async (library) => {
  const engine = await createEngine({ library, access: 'write', holder: 'the direct suite' });
  return { api: engine, engine, close: () => engine.close() };
});

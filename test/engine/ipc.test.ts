/** The engine as the desktop page reaches it: its own wire, guarded, over a real pair of message ports. */
import { MessageChannel } from 'node:worker_threads';
import { createEngine } from '../../src/main/engine.ts';
import { enginePort, guardedApi } from '../../src/main/electron/ipc.ts';
import { streams, type Api } from '../../src/shared/contract.ts';
import { pagePort, type WebPort } from '../../src/shared/desktop.ts';
import { connect, serve } from '../../src/shared/rpc.ts';
import { asMainPort } from '../desktop/ports.ts';
import { engineSuite } from './suite.ts';

engineSuite('the engine, over the desktop wire', async (library) => {
  const engine = await createEngine({ library, access: 'write', holder: 'the desktop suite' });
  const { port1, port2 } = new MessageChannel();
  serve(guardedApi(engine, { mayExportTo: () => true }), enginePort(asMainPort(port1)));
  return {
    api: connect<Api>(pagePort(Promise.resolve(port2 as unknown as WebPort)), streams),
    engine,
    async close() {
      port2.close();
      await engine.close();
    },
  };
});

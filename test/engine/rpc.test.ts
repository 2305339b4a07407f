/** The engine behind a pair of message ports: every value is cloned, as between processes. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { streams, type Api } from '../../src/shared/contract.ts';
import { connect, serve, type Port } from '../../src/shared/rpc.ts';
import { createEngine } from '../../src/main/engine.ts';
import { engineSuite } from './suite.ts';

function over<In, Out>(port: MessagePort): Port<In, Out> {
  return {
    send: (message) => port.postMessage(message),
    onMessage: (listener) => void port.on('message', listener),
    onClose: (listener) => void port.once('close', () => listener('The other side is gone.')),
  };
}

engineSuite('the engine, over messages', async (library) => {
  const engine = await createEngine({ library, access: 'write', holder: 'the message suite' });
  const { port1, port2 } = new MessageChannel();
  serve(engine, over(port1));
  return {
    api: connect<Api>(over(port2), streams),
    engine,
    async close() {
      port2.close();
      await engine.close();
    },
  };
});

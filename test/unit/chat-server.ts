/** A real server that speaks the OpenAI-compatible protocol, in ways that a test chooses. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

const part = z.union([
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({ type: z.literal('image_url'), image_url: z.object({ url: z.string() }) }),
]);
const request = z.object({
  model: z.string(),
  stream: z.boolean(),
  max_tokens: z.number(),
  temperature: z.number(),
  messages: z.array(z.object({ role: z.string(), content: z.union([z.string(), z.array(part)]) })),
});
export type Asked = z.infer<typeof request>;

export interface ChatServer {
  /** Up to and without `/chat/completions`. */
  address: string;
  asked: Asked[];
  /** Of every request, also of those that are refused. */
  headers: IncomingHttpHeaders[];
  /** Connections that the other side gave up before the answer's end. */
  cut: () => number;
  close: () => Promise<void>;
}

/** One event of a streamed answer. */
export const word = (text: string): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: text } }] })}\n\n`;

/** Writes an answer in words and ends it, as llama.cpp and Ollama do. */
export function says(response: ServerResponse, words: readonly string[]): void {
  response.setHeader('content-type', 'text/event-stream');
  response.end(`: a comment\n\n${words.map(word).join('')}data: [DONE]\n\n`);
}

export async function chatServer(
  reply: (response: ServerResponse, asked: Asked) => unknown,
): Promise<ChatServer> {
  const asked: Asked[] = [];
  const headers: IncomingHttpHeaders[] = [];
  let cut = 0;
  const server = createServer((incoming, response) => {
    headers.push(incoming.headers);
    response.on('close', () => (cut += response.writableFinished ? 0 : 1));
    void readAll(incoming).then((body) => {
      if (incoming.url !== '/v1/chat/completions') return response.writeHead(404).end();
      const question = request.parse(JSON.parse(body));
      asked.push(question);
      return reply(response, question);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}/v1`,
    asked,
    headers,
    cut: () => cut,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readAll(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** HTTP by hand over a socket, for requests that no well-behaved client would send. */
import { once } from 'node:events';
import { connect } from 'node:net';

export interface RawAnswer {
  status: number;
  headers: Map<string, string>;
  body: string;
}

export interface RawRequest {
  method?: string;
  target?: string;
  headers?: Record<string, string | readonly string[]>;
  body?: string;
}

/** Sends the request exactly as given (no Host, length or encoding is added) and reads until the end. */
export async function sendRaw(port: number, request: RawRequest): Promise<RawAnswer> {
  const lines = Object.entries(request.headers ?? {}).flatMap(([name, values]) =>
    [values].flat().map((value) => `${name}: ${value}`),
  );
  const head = [
    `${request.method ?? 'GET'} ${request.target ?? '/'} HTTP/1.1`,
    ...lines,
    'Connection: close',
  ];
  return sendBytes(port, `${head.join('\r\n')}\r\n\r\n${request.body ?? ''}`);
}

export async function sendBytes(port: number, bytes: string): Promise<RawAnswer> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  // A host that refuses early may close while we still write; what it said first is what counts.
  socket.on('error', () => undefined);
  socket.write(bytes);
  await once(socket, 'close');
  return parse(Buffer.concat(chunks).toString('latin1'));
}

function parse(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = text.slice(0, end === -1 ? undefined : end).split('\r\n');
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  return { status: Number(first.split(' ')[1] ?? 0), headers, body: end === -1 ? '' : text.slice(end + 4) };
}

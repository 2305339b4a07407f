/** `iris chat FILE`: questions from the terminal or a pipe, answers streamed as they are made. */
import path from 'node:path';
import process from 'node:process';
import readline from 'node:readline';
import type { Engine, PhotoRef } from '../../shared/contract.ts';
import { AppError, reasonOf } from '../../shared/errors.ts';
import { modelOf, printJson, say, sayGloss, unsure, withAnyEngine, type Writing } from './output.ts';

export async function chat(file: string, options: Writing): Promise<number> {
  return await withAnyEngine(options, 'iris chat', (engine) =>
    talk(engine, { path: path.resolve(file) }, options),
  );
}

/** Reads lines until `/quit` or the end of input; a question that fails does not end the talk. */
async function talk(engine: Engine, photo: PhotoRef, options: Writing): Promise<number> {
  const input = readline.createInterface({ input: process.stdin, crlfDelay: Infinity });
  const prompt = (): void => {
    if (process.stdin.isTTY) process.stderr.write('> ');
  };
  let code = 0;
  say('Ask about the photo. /again asks the last question again, /quit ends.');
  prompt();
  for await (const line of input) {
    const text = line.trim();
    if (text === '/quit') break;
    if (text !== '') code = Math.max(code, await answer(engine, photo, text, options));
    prompt();
  }
  input.close();
  return code;
}

async function answer(engine: Engine, photo: PhotoRef, text: string, options: Writing): Promise<number> {
  try {
    const again = text === '/again';
    for await (const event of engine.chat({
      photo,
      ...(again ? { again } : { text }),
      ...modelOf(options),
    })) {
      if (event.type === 'done') {
        sayGloss(event.gloss);
        const { text: answer, sent, answers, sureness, boxes } = event.message;
        if (options.json)
          printJson({
            question: again ? null : text,
            answer,
            sent,
            ...(answers && { answers }),
            ...(sureness && { sureness }),
            ...(boxes && { boxes }),
          });
        else process.stdout.write(`${unsure(sureness)}\n`);
      } else if (!options.json) process.stdout.write(event.text);
    }
    return 0;
  } catch (error) {
    if (error instanceof AppError && error.code === 'model') throw error;
    say(`iris: ${reasonOf(error)}`);
    return 1;
  }
}

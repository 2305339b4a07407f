/** `iris export`: writes the captions, or with --dry-run only says what would be written. */
import path from 'node:path';
import process from 'node:process';
import {
  exportFields,
  type Engine,
  type ExportField,
  type ExportFormat,
  type ExportReport,
} from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';
import { print, printJson, ProgressLine, say, withEngine, type Common } from './output.ts';

export interface ExportOptions extends Common {
  format: ExportFormat;
  out?: string;
  fields?: ExportField[];
  dryRun?: true;
}

export async function exportAll(options: ExportOptions): Promise<number> {
  const { format, fields, dryRun } = options;
  const table = format === 'csv' || format === 'jsonl' || format === 'html';
  const out = options.out ?? (table ? process.cwd() : undefined);
  const args = {
    format,
    ...(out !== undefined && { out: path.resolve(out) }),
    ...(fields && { fields }),
    ...(dryRun && { dryRun }),
  };
  const access = dryRun ? 'read' : 'write';
  const report = await withEngine(options, access, 'iris export', (engine) =>
    followed(engine, (signal) => engine.export(args, signal)),
  );
  const { preview, ...told } = report;
  if (options.json) printJson(dryRun ? report : told);
  else printReport(report, dryRun === true);
  for (const { path, reason } of [...told.skipped, ...told.failed]) say(`  ${path}: ${reason}`);
  if (preview !== null && !options.json) print(`\n${preview}`);
  return told.failed.length === 0 ? 0 : 1;
}

function printReport({ written, skipped, failed }: ExportReport, dryRun: boolean): void {
  const verb = dryRun ? 'would be written' : 'written';
  print(`${written.length} ${verb}, ${skipped.length} left as they are, ${failed.length} failed`);
  if (dryRun) for (const file of written) print(`  ${file}`);
}

/** Shows the progress of what the call does; Ctrl-C ends it in good order. */
async function followed<T>(engine: Engine, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const listening = new AbortController();
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  process.once('SIGINT', stop);
  const line = new ProgressLine();
  const showing = (async () => {
    for await (const event of engine.events({}, listening.signal))
      if (event.type === 'job') line.show(event.job);
  })();
  try {
    return await call(stopped.signal);
  } finally {
    process.removeListener('SIGINT', stop);
    listening.abort();
    await showing;
  }
}

/** `a,b` as columns of a table. */
export function fieldList(text: string): ExportField[] {
  return text.split(',').map((name) => {
    const field = exportFields.find((known) => known === name.trim());
    if (field === undefined)
      throw new AppError(
        'bad-request',
        `There is no field "${name}". Choose from ${exportFields.join(', ')}.`,
      );
    return field;
  });
}

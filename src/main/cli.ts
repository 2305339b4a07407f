/** Entry of the command line in a terminal; the desktop app calls the same program with `--cli`. */
import process from 'node:process';
import { main } from './cli/program.ts';

await main(process.argv);

/** The command line: arguments to the engine's calls, answers to standard output, the rest to standard error. */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import process from 'node:process';
import { exportFormats, providerChoices, roles } from '../../shared/contract.ts';
import { AppError, reasonOf } from '../../shared/errors.ts';
import { classify } from './classify.ts';
import { chat } from './chat.ts';
import * as commands from './commands.ts';
import { exportAll, fieldList, type ExportOptions } from './export.ts';
import { compareModels, judgePhotos, verdicts } from './compare.ts';
import {
  addModel,
  connectModel,
  downloadModel,
  listModels,
  removeModel,
  useModel,
  verifyModels,
} from './models.ts';
import { say } from './output.ts';
import { startApp } from './start.ts';
import type { EngineOptions } from '../engine.ts';
import { defaultLibrary } from '../lib/places.ts';

process.env['ORT_DISABLE_TELEMETRY'] = '1';

const exitUsage = 2;

/** A whole number above zero; commander turns the error into exit code 2. */
function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('Expected a whole number above 0.');
  return value;
}

/** What the host of the command line brings along. */
export type Host = Pick<EngineOptions, 'fork'>;

function program(host: Host): Command {
  const run: Run = (command) => action(command, host);
  const iris = new Command('iris')
    .description('Finds, describes and talks about your photos, on your own machine.')
    .option('--library <dir>', 'folder of the library', defaultLibrary())
    .option('--json', 'print JSON on standard output')
    .addOption(
      new Option('--provider <name>', 'what models run on; IRIS_PROVIDER or auto without it').choices(
        providerChoices,
      ),
    )
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(iris --help lists what there is)')
    .exitOverride();

  iris
    .command('index')
    .argument('<folder...>', 'folders with photos')
    .description('index folders: read, embed and caption every photo in them')
    .option('--no-captions', 'make photos searchable, but leave captions for later')
    .option('--accept-deletions', 'files that are missing were deleted on purpose, however many')
    .option('--model <id>', 'let this model look too, beside the one that searches')
    .action(run(commands.index));
  iris
    .command('search')
    .argument('[query...]', 'what the photo shows, or words of its name or caption')
    .description('find photos')
    .option('--limit <n>', 'how many at most', count, 20)
    .option('--stdin', 'read one query a line; print one line of JSON for each')
    .option(
      '--rerank [id]',
      'look at the best 24 again by this model, or any that can compare them with words',
    )
    .action(run(commands.search));
  iris
    .command('caption')
    .argument('<file...>', 'photos, in the library or not')
    .description('describe photos')
    .option('--prompt <text>', 'start of the caption, such as "a photo of"')
    .option(...byModel)
    .action(run(commands.caption));
  iris
    .command('ask')
    .argument('[file]', 'a photo')
    .argument('[question...]', 'what you want to know')
    .description('ask one question about a photo')
    .option('--stdin', 'read lines of PATH<TAB>QUESTION; print one line of JSON for each')
    .option(...byModel)
    .action(run(commands.ask));
  iris
    .command('classify')
    .argument('[file]', 'a photo')
    .argument('[label...]', 'words to choose from, such as cat "a red car"')
    .description('say which labels fit a photo: by embeddings, and as its captions')
    .option('--template <text>', 'what the labels stand in, such as "a photo of a {}"')
    .option('--stdin', 'all arguments are labels; read a path a line; print one line of JSON for each')
    .option(...byModel)
    .action(run(classify));
  iris
    .command('chat')
    .argument('<file>', 'a photo')
    .description('talk about a photo; /again asks again, /quit ends')
    .option(...byModel)
    .action(run(chat));
  iris
    .command('export')
    .description('write the captions of the library')
    .addOption(new Option('--format <format>', 'what to write').choices(exportFormats).makeOptionMandatory())
    .option('--out <dir>', 'folder to write into; txt and xmp go beside the photos without it')
    .option('--fields <names>', 'columns of csv and jsonl, such as caption,takenAt,size', fieldList)
    .option('--dry-run', 'write nothing; say what would be written')
    .action(run((options: ExportOptions) => exportAll(options)));
  iris
    .command('judge')
    .argument('<query>', 'what was searched for')
    .addArgument(new Argument('<verdict>', 'whether they are that; none takes it back').choices(verdicts))
    .argument('<file...>', 'photos of the library')
    .description('say whether photos are what a search was for: "models compare" measures by it')
    .action(run(judgePhotos));
  modelCommands(iris, run);
  iris
    .command('doctor')
    .description('check versions, library, models and the provider in use')
    .action(run(commands.doctor));
  iris
    .command('serve')
    .description('serve the page on this machine, at an address with a token')
    .option('--port <n>', 'port; any free one without it', count)
    .action(run(commands.serve));
  iris
    .command('start')
    .argument('[folder...]', 'folders with photos; the samples without any')
    .description('index, then open the app')
    .action(run(startApp));
  return iris;
}

/** The list by itself, or what is to be done with one model. */
function modelCommands(iris: Command, run: Run): void {
  const list = 'list the models that are here, and what each does';
  const models = iris.command('models').description(`${list}; add, remove, use or verify one`);
  models.command('list', { isDefault: true }).description(list).action(run(listModels));
  models
    .command('add')
    .argument('<folder>', 'a folder with a model.json, or one of onnx-community as it is')
    .option('--dtype <dtype>', 'precision of the latter: q4, or decoder_model_merged=q4,vision_encoder=fp16')
    .description('check a model and copy it into the library')
    .action(run(addModel));
  models
    .command('download')
    .argument('[id]', 'a model of the catalogue; the catalogue itself without it')
    .option('--hub <address>', 'where from; the environment variable IRIS_HUB or the public hub without it')
    .option('--key', 'ask for your key of the hub, or read it from a pipe')
    .option('--key-env <name>', 'the environment variable that holds the key')
    .option('--discard', 'delete what an unfinished download left')
    .description('download a model, check it and put it into the library')
    .action(run(downloadModel));
  models
    .command('connect')
    .argument('<address>', 'where an OpenAI-compatible server listens, such as http://127.0.0.1:11434/v1')
    .argument('<model>', "the server's name of a model")
    .option('--remote', 'agree that photos leave this computer, where the address is another one')
    .option('--key', 'ask for the key of the server, or read it from a pipe')
    .option('--key-env <name>', 'the environment variable that holds the key, whenever it is asked')
    .description('ask a model behind a server that you run; nothing is sent before you ask')
    .action(run(connectModel));
  models
    .command('remove')
    .argument('<id>', 'a model that was added')
    .description("delete the library's copy of a model that does nothing")
    .action(run(removeModel));
  models
    .command('use')
    .addArgument(new Argument('<role>', 'what it is to do').choices(roles))
    .argument('<id>', 'a model of the list')
    .description('choose the model that searches, writes captions, or answers and chats')
    .action(run(useModel));
  models
    .command('compare')
    .argument('<id>', 'a model of the list that can search')
    .argument('<other>', 'another one')
    .option('--build', 'let them look at the photos that they have not seen; meanwhile searches go on')
    .description('say which finds better what you search for, by your saved searches and thumbs')
    .action(run(compareModels));
  models
    .command('verify')
    .argument('[id]', 'a model of the list; all without it')
    .description('compare the hashes of all files with model.json')
    .action(run(verifyModels));
}

const byModel = ['--model <id>', 'a model of "iris models", in place of the chosen one'] as const;

type Run = <A extends unknown[]>(command: (...args: A) => Promise<number>) => Action;
type Action = (...args: unknown[]) => Promise<void>;

/** Wraps a command: arguments first, then all options and the host; its result is the exit code. */
function action<A extends unknown[]>(command: (...args: A) => Promise<number>, host: Host): Action {
  return async (...args) => {
    const self = args.at(-1) as Command;
    const positional = args.slice(0, -2);
    const options = { ...self.optsWithGlobals(), ...host };
    process.exitCode = await command(...([...positional, options] as unknown as A));
  };
}

export async function main(argv: readonly string[], host: Host = {}): Promise<void> {
  try {
    await program(host).parseAsync([...argv]);
  } catch (error) {
    process.exitCode = failure(error);
  }
}

function failure(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitUsage; // commander has said why
  say(`iris: ${reasonOf(error)}`);
  return error instanceof AppError && error.code === 'bad-request' ? exitUsage : 1;
}

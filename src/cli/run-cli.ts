import { CommanderError } from 'commander';
import type { Readable } from 'node:stream';
import colors from 'picocolors';
import { DriftlineError } from '../foundation/driftline-error.js';
import { nearestName } from '../foundation/find-by-name.js';
import type { ProgressStream } from '../foundation/progress-line.js';
import type { Command } from './command.js';
import type { CommandContext } from './command-context.js';
import { commandGroups, commands as allCommands } from './commands.js';
import { createProgram } from './create-program.js';
import { readPackageVersion } from '../foundation/package-version.js';
import { escapeControlCharacters, formatJson } from './printable-text.js';
import { explainFailure, formatFailure } from './report-failure.js';
import type { GlobalOption } from './shared-options.js';

export interface RunCliSettings {
  /** What was typed after driftline. */
  readonly argv: readonly string[];
  readonly stdin: Readable;
  readonly stdout: ProgressStream;
  readonly stderr: ProgressStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly fetch: typeof globalThis.fetch;
  /** Bytes of memory available to models that run here. Default unlimited. */
  readonly memory?: number;
  /** A clock in milliseconds. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly date: () => number;
  /** Aborted when the user interrupts. */
  readonly signal: AbortSignal;
  /** Shows a file in the user's browser; false if none can be started. Default none can. */
  readonly openInBrowser?: (file: string) => Promise<boolean>;
  /** Starts the program with other words in a process that outlives this one, and returns its id. Default it cannot. */
  readonly startDetached?: (argv: readonly string[], log: string) => Promise<number>;
  /** Default all of driftline's. */
  readonly commands?: readonly Command[];
}

/** Runs one command line, and returns its exit code. Never throws. */
export async function runCli(settings: RunCliSettings): Promise<number> {
  const { argv, stdout, stderr, environment, signal, commands = allCommands } = settings;
  const stdoutColors = colors.createColors(wantsColor(stdout, environment));
  const stderrColors = colors.createColors(wantsColor(stderr, environment));
  // Errors look as these words ask, even if the line is not understood.
  const words = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : argv.length);
  let globals: ReadonlySet<string> = new Set(words.map((word) => word.replace(/^--/, '')));
  try {
    if (words.some((word) => /^--junit(=|$)/.test(word)) && !words.some((word) => word === '--help' || word === '-h'))
      await (await import('./junit-file.js')).removeStaleJunit(words);
    const unknown = findUnknownHelp(words, commands);
    if (unknown !== null) return fail(unknown);
    const line = writeOutHelp(argv, commands);
    const program = await createProgram({
      argv: line,
      commands,
      groups: commandGroups,
      version: readPackageVersion(),
      write: (text) => stdout.write(text),
      width: Math.min(stdout.columns ?? 80, 120),
      styleTitle: stdoutColors.bold,
      execute: async (typed) => {
        ({ globals } = typed);
        const { addKeysOfFile, namesKeyFile } = await import('../models/services/read-key-file.js');
        const withKeys = namesKeyFile(environment)
          ? { ...settings, environment: await addKeysOfFile(environment) }
          : settings;
        const context = createContext(withKeys, typed.globals, stdoutColors);
        await typed.command.execute(context, typed);
      },
    });
    await program.parseAsync(line, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    if (error instanceof CommanderError && error.code === 'commander.help') {
      const group = words.filter((word) => !word.startsWith('-')).join(' ');
      if (group === '') {
        stdout.write(await formatWelcome(commands, stdoutColors.bold));
        return 0;
      }
      return fail(commandMissing(group, commands));
    }
    return fail(error);
  }

  function fail(error: unknown): number {
    const failure = explainFailure(error, signal);
    const text = formatFailure(failure, {
      json: globals.has('json'),
      debug: globals.has('debug') || environment['DRIFTLINE_DEBUG'] === '1',
      isTerminal: stderr.isTTY === true,
      styleCode: stderrColors.red,
    });
    stderr.write(`${text}\n`);
    return failure.exitCode;
  }
}

function wantsColor({ isTTY }: ProgressStream, environment: RunCliSettings['environment']): boolean {
  return isTTY === true && environment['TERM'] !== 'dumb' && (environment['NO_COLOR'] ?? '') === '';
}

function createContext(
  {
    stdin,
    stdout,
    stderr,
    environment,
    fetch,
    memory = Infinity,
    now,
    date,
    signal,
    openInBrowser = () => Promise.resolve(false),
    argv,
    startDetached = () => Promise.reject(new Error('no process can be started here')),
  }: RunCliSettings,
  globals: ReadonlySet<GlobalOption>,
  stdoutColors: CommandContext['colors'],
): CommandContext {
  const [json, quiet] = [globals.has('json'), globals.has('quiet')];
  // With --json programs read the error stream, too: they get progress only if they ask for it.
  const showsProgress = globals.has('progress') || (!quiet && (!json || stderr.isTTY === true));
  const shownOn = (stream: ProgressStream, text: string): string =>
    stream.isTTY === true ? escapeControlCharacters(text) : text;
  return {
    json,
    environment,
    fetch,
    memory,
    now,
    date,
    signal,
    stdin,
    openInBrowser,
    startDetached: (log) =>
      startDetached(
        argv.filter((word) => word !== '--detach'),
        log,
      ),
    print: (text, style = (plain) => plain) => stdout.write(`${style(shownOn(stdout, text))}\n`),
    printJson: (value) => stdout.write(`${formatJson(value, 2)}\n`),
    notify: (notice) => {
      if (!quiet && !json) stderr.write(`${shownOn(stderr, notice)}\n`);
    },
    insist: (notice) => stderr.write(`${json ? formatJson({ notice }, 0) : shownOn(stderr, notice)}\n`),
    progress: showsProgress ? stderr : { write: () => undefined },
    colors: stdoutColors,
  };
}

async function formatWelcome(commands: readonly Command[], styleTitle: (title: string) => string): Promise<string> {
  const first = await commands[0]?.loadDefinition();
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  driftline ${name.padEnd(width)}  ${summary}`);
  return [
    'driftline measures emergent misalignment: how far a model drifts from alignment when it is fine-tuned',
    'on something narrow.',
    '',
    styleTitle('Start here:'),
    `  ${first?.examples[0].line ?? 'driftline --help'}`,
    '',
    styleTitle('Commands:'),
    ...lines,
    '',
    'driftline COMMAND --help explains a command, with examples.',
    '',
  ].join('\n');
}

/** `help data check` as `data check --help`: commander's own help looks at one word. */
function writeOutHelp(argv: readonly string[], commands: readonly Command[]): readonly string[] {
  const [first, ...name] = argv.filter((word) => !word.startsWith('-'));
  const isWhole = first === 'help' && commands.some((command) => command.name === name.join(' '));
  return isWhole ? [...argv.filter((word) => word !== first), '--help'] : argv;
}

/** What to say of `driftline help COMMAND` where there is no such command; null where there is one. */
function findUnknownHelp(words: readonly string[], commands: readonly Command[]): DriftlineError | null {
  const [first, ...rest] = words.filter((word) => !word.startsWith('-'));
  const name = rest.join(' ');
  const isKnown = commands.some((command) => command.name === name || command.name.startsWith(`${name} `));
  if (first !== 'help' || rest.length === 0 || isKnown) return null;
  const nearest = nearestName(
    name,
    commands.map((command) => command.name),
  );
  return new DriftlineError({
    code: 'usage-invalid',
    message: `there is no command "${name}"`,
    hint: `${nearest === null ? '' : `Did you mean ${nearest}? `}See driftline --help for the commands.`,
  });
}

function commandMissing(group: string, commands: readonly Command[]): DriftlineError {
  const known = commands.filter(({ name }) => name.startsWith(`${group} `)).map(({ name }) => `driftline ${name}`);
  return new DriftlineError({
    code: 'usage-invalid',
    message: `driftline ${group} is not a complete command`,
    hint: `Write ${known.join(', or ')}.`,
  });
}

import { Command as Program, Option } from 'commander';
import { DriftlineError } from '../foundation/driftline-error.js';
import {
  isOptional,
  type Command,
  type CommandDefinition,
  type CommandExample,
  type OptionDefinition,
  type TypedValues,
} from './command.js';
import { globalOptions, helpDescription, versionDescription, type GlobalOption } from './shared-options.js';

export interface TypedCommand {
  readonly command: Command;
  readonly arguments: TypedValues;
  readonly options: TypedValues;
  readonly globals: ReadonlySet<GlobalOption>;
}

export interface ProgramSettings {
  /** The line that the program is for, without driftline. */
  readonly argv: readonly string[];
  readonly commands: readonly Command[];
  /** Summaries of the first words of commands of two words. */
  readonly groups: Readonly<Record<string, string>>;
  readonly version: string;
  /** Takes help and the version. */
  readonly write: (text: string) => void;
  /** Of a line of help, in characters. */
  readonly width: number;
  readonly styleTitle: (title: string) => string;
  readonly execute: (typed: TypedCommand) => Promise<void>;
}

/**
 * The grammar of the command line as commander's program, made from the table of commands; commands that the line cannot be about have a
 * name and a summary only. The program throws CommanderErrors.
 */
export async function createProgram(settings: ProgramSettings): Promise<Program> {
  const { argv, commands, groups, version, write, width, styleTitle } = settings;
  const definitions = await loadDefinitions(commands, argv);
  const root = new Program('driftline')
    .description('Measures emergent misalignment')
    // Otherwise an option of a command that is called --json, or a value that is, would count as ours.
    .enablePositionalOptions()
    .exitOverride()
    .configureHelp({ styleTitle })
    // Errors are thrown as well as written; the command line writes them itself.
    .configureOutput({
      writeOut: write,
      writeErr: () => undefined,
      getOutHelpWidth: () => width,
      // styleTitle knows whether there are colours.
      getOutHasColors: () => true,
    })
    .version(version, '--version', versionDescription);
  addGlobalOptions(root);
  addExamples(
    root,
    commands.flatMap(({ name }) => definitions.get(name)?.examples[0] ?? []),
    styleTitle,
  );
  for (const command of commands) {
    const words = command.name.split(' ');
    const name = words.pop() ?? '';
    const parent = words.reduce((above, word) => findGroup(above, word, groups[word] ?? ''), root);
    const program = parent.command(name).summary(command.summary);
    const definition = definitions.get(command.name);
    if (definition !== undefined) addCommand(program, command, definition, settings);
  }
  return root;
}

/** The definitions of all commands that begin with the first word of the line; where it begins with something else, of all commands. */
async function loadDefinitions(
  commands: readonly Command[],
  argv: readonly string[],
): Promise<ReadonlyMap<string, CommandDefinition>> {
  const before = new Set(['help', ...Object.keys(globalOptions).map((name) => `--${name}`)]);
  const word = argv.find((one) => !before.has(one));
  const named = commands.filter(({ name }) => name.split(' ')[0] === word);
  const wanted = named.length > 0 ? named : commands;
  return new Map(
    await Promise.all(wanted.map(async ({ name, loadDefinition }) => [name, await loadDefinition()] as const)),
  );
}

function addCommand(
  program: Program,
  command: Command,
  definition: CommandDefinition,
  { styleTitle, execute }: Pick<ProgramSettings, 'styleTitle' | 'execute'>,
): void {
  program.description([command.summary + '.', definition.description ?? ''].join('\n\n').trim());
  for (const [name, argument] of Object.entries(definition.arguments)) {
    const spelled = `${name.toUpperCase()}${argument.isRepeated === true ? '...' : ''}`;
    program.argument(isOptional(argument) ? `[${spelled}]` : `<${spelled}>`, argument.description);
  }
  const options = Object.entries(definition.options).map(([name, option]) => {
    const added = createOption(name, option);
    program.addOption(added);
    return [name, added.attributeName()] as const;
  });
  addGlobalOptions(program);
  addExamples(program, definition.examples, styleTitle);
  program.action(async () => {
    const typed = program.opts<TypedValues>();
    await execute({
      command,
      arguments: Object.fromEntries(
        // What commander has processed: texts, and lists of them for repeated arguments.
        Object.keys(definition.arguments).map((name, index) => [
          name,
          program.processedArgs[index] as string | readonly string[] | undefined,
        ]),
      ),
      options: Object.fromEntries(options.map(([name, attribute]) => [name, typed[attribute]])),
      globals: readGlobals(program),
    });
  });
}

function findGroup(parent: Program, word: string, summary: string): Program {
  const known = parent.commands.find((command) => command.name() === word);
  if (known !== undefined) return known;
  const group = parent.command(word).summary(summary).description(summary);
  addGlobalOptions(group);
  return group;
}

function createOption(name: string, definition: OptionDefinition): Option {
  const { value, description, default: preset } = definition;
  const needed = value !== undefined && !isOptional(definition) ? ' (required)' : '';
  const option = new Option(value === undefined ? `--${name}` : `--${name} <${value}>`, `${description}${needed}`);
  if (definition.isOnce === true)
    option.argParser((typed: string, before: string | undefined) => {
      if (before === undefined || before === preset) return typed;
      throw new DriftlineError({
        code: 'usage-invalid',
        message: `--${name} is given twice, as ${before} and as ${typed}`,
        hint: `Leave one of them out${name === 'conditions' || name === 'evaluations' ? ', or write both with a comma between' : ''}.`,
      });
    });
  return preset === undefined ? option : option.default(preset, preset);
}

function addGlobalOptions(program: Program): void {
  const group = 'Global options:';
  for (const [name, definition] of Object.entries<OptionDefinition>(globalOptions)) {
    program.addOption(createOption(name, definition).helpGroup(group));
  }
  program.addHelpOption(new Option('-h, --help', helpDescription).helpGroup(group));
}

function addExamples(
  program: Program,
  examples: readonly CommandExample[],
  styleTitle: ProgramSettings['styleTitle'],
): void {
  const lines = examples.map(({ description, line }) => `  ${description}:\n    ${line}\n`);
  program.addHelpText('after', `\n${styleTitle('Examples:')}\n${lines.join('')}`);
}

/** They may stand before and after each word of the command. */
function readGlobals(program: Program): ReadonlySet<GlobalOption> {
  const given = new Set<GlobalOption>();
  for (let level: Program | null = program; level !== null; level = level.parent) {
    const typed = level.opts<TypedValues>();
    for (const name of Object.keys(globalOptions)) {
      // The keys of a constant table.
      if (typed[name] === true) given.add(name as GlobalOption);
    }
  }
  return given;
}

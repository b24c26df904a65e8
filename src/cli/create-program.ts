import { Command as Program, Option } from 'commander';
import { isOptional, type Command, type CommandExample, type OptionDefinition, type TypedValues } from './command.js';
import { globalOptions, helpDescription, versionDescription, type GlobalOption } from './global-options.js';

export interface TypedCommand {
  readonly command: Command;
  readonly arguments: TypedValues;
  readonly options: TypedValues;
  readonly globals: ReadonlySet<GlobalOption>;
}

export interface ProgramSettings {
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

/** The grammar of the command line as commander's program, made from the table of commands. Throws CommanderErrors. */
export function createProgram(settings: ProgramSettings): Program {
  const { commands, groups, version, write, width, styleTitle, execute } = settings;
  const root = new Program('driftline')
    .description('Measures, explains and prevents emergent misalignment')
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
    commands.flatMap(({ examples: [first] }) => first),
    styleTitle,
  );
  for (const command of commands) {
    const words = command.name.split(' ');
    const name = words.pop() ?? '';
    const parent = words.reduce((above, word) => findGroup(above, word, groups[word] ?? ''), root);
    const program = parent.command(name).summary(command.summary);
    program.description([command.summary + '.', command.description ?? ''].join('\n\n').trim());
    for (const [argument, definition] of Object.entries(command.arguments)) {
      const spelled = `${argument.toUpperCase()}${definition.isRepeated === true ? '...' : ''}`;
      program.argument(isOptional(definition) ? `[${spelled}]` : `<${spelled}>`, definition.description);
    }
    const options = Object.entries(command.options).map(([option, definition]) => {
      const added = createOption(option, definition);
      program.addOption(added);
      return [option, added.attributeName()] as const;
    });
    addGlobalOptions(program);
    addExamples(program, command.examples, styleTitle);
    program.action(async () => {
      const typed = program.opts<TypedValues>();
      await execute({
        command,
        arguments: Object.fromEntries(
          // What commander has processed: texts, and lists of them for repeated arguments.
          Object.keys(command.arguments).map((argument, index) => [
            argument,
            program.processedArgs[index] as string | undefined,
          ]),
        ),
        options: Object.fromEntries(options.map(([option, attribute]) => [option, typed[attribute]])),
        globals: readGlobals(program),
      });
    });
  }
  return root;
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

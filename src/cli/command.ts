import { DriftlineError } from '../foundation/driftline-error.js';
import type { CommandContext } from './command-context.js';
import type { TypedValue, ValueOf, ValueType } from './value-type.js';

export interface ArgumentDefinition {
  readonly description: string;
  readonly type: ValueType<unknown>;
  /** As it would be typed, for one that is left out. */
  readonly default?: string;
  /** Takes all that is left; only for the last argument. */
  readonly isRepeated?: boolean;
}

export interface OptionDefinition {
  /** What stands for the value in help, such as FOLDER; an option without one is a flag. */
  readonly value?: string;
  readonly description: string;
  /** An option without a default is required unless its type is optional. */
  readonly type: ValueType<unknown>;
  /** As it would be typed. */
  readonly default?: string;
  /** A value as one would type it, for help and hints. */
  readonly example?: string;
  /** Refused where it is given twice: else the last one counts. */
  readonly isOnce?: boolean;
}

export interface CommandExample {
  readonly description: string;
  /** The whole line, beginning with driftline. */
  readonly line: string;
}

/** How a command is typed, for help, parsing and docs/command-line.md. Plain data: a file that has one loads nothing else to speak of. */
export interface CommandDefinition {
  /** What else one should know, besides the summary. */
  readonly description?: string;
  /** In their order. */
  readonly arguments: Readonly<Record<string, ArgumentDefinition>>;
  /** By their names as typed, without the dashes. */
  readonly options: Readonly<Record<string, OptionDefinition>>;
  readonly examples: readonly [CommandExample, ...CommandExample[]];
}

type ParsedValues<Values extends Readonly<Record<string, ArgumentDefinition | OptionDefinition>>> = {
  readonly [Name in keyof Values]: ValueOf<Values[Name]['type']>;
};

/** What a command does with what was typed. */
export interface CommandAction<Definition extends CommandDefinition> {
  readonly run: (
    context: CommandContext,
    parsed: {
      readonly arguments: ParsedValues<Definition['arguments']>;
      readonly options: ParsedValues<Definition['options']>;
    },
  ) => Promise<void>;
}

export type TypedValues = Readonly<Record<string, TypedValue>>;

/** A command in the table of commands, which knows where the rest of it is and loads that only when it is wanted. */
export interface Command {
  /** As it is typed after driftline: `ask`, or `organism list`. */
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  readonly loadDefinition: () => Promise<CommandDefinition>;
  readonly execute: (
    context: CommandContext,
    typed: { readonly arguments: TypedValues; readonly options: TypedValues },
  ) => Promise<void>;
}

export interface CommandParts<Definition extends CommandDefinition> extends Pick<Command, 'name' | 'summary'> {
  readonly loadDefinition: () => Promise<Definition>;
  readonly loadAction: () => Promise<CommandAction<Definition>>;
}

export function defineCommand<Definition extends CommandDefinition>(parts: CommandParts<Definition>): Command {
  const { name, summary, loadDefinition, loadAction } = parts;
  return {
    name,
    summary,
    loadDefinition,
    execute: async (context, typed) => {
      const definition: Definition = await loadDefinition();
      const parsed = {
        // Each value is what the type of its name made.
        arguments: parseValues(name, definition.arguments, typed.arguments, (argument) =>
          argument.toUpperCase(),
        ) as ParsedValues<Definition['arguments']>,
        options: parseValues(name, definition.options, typed.options, (option) => `--${option}`) as ParsedValues<
          Definition['options']
        >,
      };
      const action = await loadAction();
      await action.run(context, parsed);
    },
  };
}

/** Whether nothing need be typed. */
export function isOptional({ type, default: preset }: ArgumentDefinition): boolean {
  return preset !== undefined || type.isOptional;
}

function parseValues(
  command: string,
  definitions: Readonly<Record<string, ArgumentDefinition & OptionDefinition>>,
  typed: TypedValues,
  spell: (name: string) => string,
): Readonly<Record<string, unknown>> {
  const values = Object.entries(definitions).map(([name, definition]) => {
    const given = typed[name] ?? definition.default;
    const parsed = definition.type.parse(given);
    if ('value' in parsed) return [name, parsed.value] as const;
    const { example } = definition;
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${spell(name)} ${given === undefined ? 'is missing' : `${JSON.stringify(given)}: ${parsed.problem}`}`,
      hint: `${example === undefined ? '' : `Write for example ${spell(name)} ${example}. `}See driftline ${command} --help.`,
      details: { command, name: spell(name), value: given },
    });
  });
  return Object.fromEntries(values);
}

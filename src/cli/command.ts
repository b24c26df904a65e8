import type { z } from 'zod';
import { DriftlineError } from '../foundation/driftline-error.js';
import type { CommandContext } from './command-context.js';

export interface ArgumentDefinition<Schema extends z.ZodType = z.ZodType> {
  readonly description: string;
  /** Parses the text as typed, or the list of texts. The argument may be left out where the schema takes undefined. */
  readonly schema: Schema;
  /** Takes all that is left; only for the last argument. */
  readonly isRepeated?: boolean;
}

export interface OptionDefinition<Schema extends z.ZodType = z.ZodType> {
  /** What stands for the value in help, such as FOLDER; an option without one is a flag, and its schema parses a boolean. */
  readonly value?: string;
  readonly description: string;
  /** Parses the text as typed; an option without a default is required unless its schema takes undefined. */
  readonly schema: Schema;
  /** As it would be typed. */
  readonly default?: string;
  /** A value as one would type it, for help and hints. */
  readonly example?: string;
}

export interface CommandExample {
  readonly description: string;
  /** The whole line, beginning with driftline. */
  readonly line: string;
}

type Definitions<Definition> = Readonly<Record<string, Definition>>;
type ParsedValues<Values extends Definitions<{ readonly schema: z.ZodType }>> = {
  readonly [Name in keyof Values]: z.output<Values[Name]['schema']>;
};

/** What a command's file says of it; all that is known of it anywhere comes from here. */
export interface CommandDefinition<
  Arguments extends Definitions<ArgumentDefinition>,
  Options extends Definitions<OptionDefinition>,
> {
  /** As it is typed after driftline: `ask`, or `organism list`. */
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** What else one should know. */
  readonly description?: string;
  /** In their order. */
  readonly arguments: Arguments;
  /** By their names as typed, without the dashes. */
  readonly options: Options;
  readonly examples: readonly [CommandExample, ...CommandExample[]];
  readonly run: (
    context: CommandContext,
    parsed: { readonly arguments: ParsedValues<Arguments>; readonly options: ParsedValues<Options> },
  ) => Promise<void>;
}

/** What was typed: texts, lists of texts for repeated arguments, true for flags. */
export type TypedValues = Readonly<Record<string, string | readonly string[] | boolean | undefined>>;

/** A command as the command line sees it: what it parses is its own affair. */
export interface Command extends Omit<
  CommandDefinition<Definitions<ArgumentDefinition>, Definitions<OptionDefinition>>,
  'run'
> {
  readonly execute: (
    context: CommandContext,
    typed: { readonly arguments: TypedValues; readonly options: TypedValues },
  ) => Promise<void>;
}

export function defineCommand<
  const Arguments extends Definitions<ArgumentDefinition>,
  const Options extends Definitions<OptionDefinition>,
>(definition: CommandDefinition<Arguments, Options>): Command {
  const { run, ...described } = definition;
  return {
    ...described,
    execute: (context, typed) =>
      run(context, {
        arguments: parseValues(definition.name, definition.arguments, typed.arguments, (name) => name.toUpperCase()),
        options: parseValues(definition.name, definition.options, typed.options, (name) => `--${name}`),
      }),
  };
}

/** Whether nothing need be typed. */
export function isOptional({ schema, default: preset }: { schema: z.ZodType; default?: string }): boolean {
  return preset !== undefined || schema.safeParse(undefined).success;
}

function parseValues<Values extends Definitions<ArgumentDefinition & OptionDefinition>>(
  command: string,
  definitions: Values,
  typed: TypedValues,
  spell: (name: string) => string,
): ParsedValues<Values> {
  const values = Object.entries(definitions).map(([name, definition]) => {
    const given = typed[name] ?? definition.default;
    const parsed = definition.schema.safeParse(given);
    if (parsed.success) return [name, parsed.data];
    const problem = parsed.error.issues.map(({ message }) => message).join('; ');
    const written = given === undefined ? 'is missing' : `${JSON.stringify(given)}: ${problem}`;
    const { example } = definition;
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${spell(name)} ${written}`,
      hint: `${example === undefined ? '' : `Write for example ${spell(name)} ${example}. `}See driftline ${command} --help.`,
      details: { command, name: spell(name), value: given },
    });
  });
  // Each value is what the schema of its name made.
  return Object.fromEntries(values) as ParsedValues<Values>;
}

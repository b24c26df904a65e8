import { readFile } from 'node:fs/promises';
import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import type { ArgumentDefinition } from '../../src/cli/command.js';
import { commandGroups, commands } from '../../src/cli/commands.js';
import { createProgram } from '../../src/cli/create-program.js';
import { globalOptions } from '../../src/cli/global-options.js';
import { renderCommandLinePage } from '../../src/cli/render-command-line-page.js';
import { escapeControlCharacters } from '../../src/cli/escape-control-characters.js';

/** As a shell would split it, as far as our examples go. */
function splitLine(line: string): string[] {
  const [command = ''] = line.split(/ [|<>] /);
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
}

describe('the table of commands', () => {
  it('has a page that is up to date (npm run docs:cli writes it)', async () => {
    const page = await readFile(new URL('../../docs/command-line.md', import.meta.url), 'utf8');
    expect(page).toBe(renderCommandLinePage(commands));
  });

  it('names each command once, its groups, and no option like a global one', () => {
    const names = commands.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, options } of commands) {
      const [group, ...rest] = name.split(' ');
      if (rest.length > 0) expect(Object.keys(commandGroups)).toContain(group);
      for (const option of Object.keys(options)) {
        expect(Object.keys({ ...globalOptions, help: 1, version: 1 })).not.toContain(option);
        // Commander would take --no-x for the opposite of --x.
        expect(option).toMatch(/^(?!no-)[a-z]+(-[a-z]+)*$/);
      }
    }
  });

  const examples = commands.flatMap(({ name, examples }) => examples.map(({ line }) => [name, line] as const));

  it.each(examples)('has examples of %s that it understands: %s', async (name, line) => {
    const [program, ...argv] = splitLine(line);
    expect(program).toBe('driftline');
    let understood: string | null = null;
    const parser = createProgram({
      commands,
      groups: commandGroups,
      version: '0.0.0',
      write: () => undefined,
      width: 80,
      styleTitle: (title) => title,
      execute: ({ command, arguments: words, options }) => {
        for (const [values, definitions] of [
          [words, command.arguments],
          [options, command.options],
        ] as const) {
          for (const [key, definition] of Object.entries<ArgumentDefinition>(definitions)) {
            expect([key, definition.schema.safeParse(values[key]).error]).toEqual([key, undefined]);
          }
        }
        understood = command.name;
        return Promise.resolve();
      },
    });
    await parser.parseAsync(argv, { from: 'user' }).catch((error: unknown) => {
      throw error instanceof CommanderError ? new Error(`${line}: ${error.message}`) : error;
    });
    expect(understood).toBe(name);
  });

  it('has examples and defaults of options that their schemas take', () => {
    for (const { name, options } of commands) {
      for (const [option, { schema, example, default: preset }] of Object.entries(options)) {
        for (const text of [example, preset].filter((value) => value !== undefined)) {
          expect([name, option, schema.safeParse(text).success]).toEqual([name, option, true]);
        }
      }
    }
  });
});

describe('escapeControlCharacters', () => {
  it('leaves text in any script as it is', () => {
    const text = 'Zeile\n\tÜber 🙂 שלום 世界 e\u0301';
    expect(escapeControlCharacters(text)).toBe(text);
  });
});

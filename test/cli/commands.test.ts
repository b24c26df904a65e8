import { readFile } from 'node:fs/promises';
import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import type { ArgumentDefinition } from '../../src/cli/command.js';
import { commandGroups, commands } from '../../src/cli/commands.js';
import { createProgram } from '../../src/cli/create-program.js';
import { escapeControlCharacters } from '../../src/cli/printable-text.js';
import { renderCommandLinePage } from '../../src/cli/render-command-line-page.js';
import { globalOptions } from '../../src/cli/shared-options.js';

/** As a shell would split it, as far as our examples go. */
function splitLine(line: string): string[] {
  const [command = ''] = line.split(/ [|<>] /);
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
}

const defined = await Promise.all(
  commands.map(async ({ name, loadDefinition }) => ({ name, ...(await loadDefinition()) })),
);

describe('the table of commands', () => {
  it('has a page that is up to date (npm run docs:cli writes it)', async () => {
    const page = await readFile(new URL('../../docs/command-line.md', import.meta.url), 'utf8');
    expect(page).toBe(await renderCommandLinePage(commands));
  });

  it('names each command once, its groups, and no option like a global one', () => {
    const names = commands.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, options } of defined) {
      const [group, ...rest] = name.split(' ');
      if (rest.length > 0) expect(Object.keys(commandGroups)).toContain(group);
      for (const option of Object.keys(options)) {
        expect(Object.keys({ ...globalOptions, help: 1, version: 1 })).not.toContain(option);
        // Commander would take --no-x for the opposite of --x.
        expect(option).toMatch(/^(?!no-)[a-z]+(-[a-z]+)*$/);
      }
    }
  });

  const examples = defined.flatMap(({ name, examples }) => examples.map(({ line }) => [name, line] as const));

  it.each(examples)('has examples of %s that it understands: %s', async (name, line) => {
    const [program, ...argv] = splitLine(line);
    expect(program).toBe('driftline');
    let understood: string | null = null;
    const parser = await createProgram({
      argv,
      commands,
      groups: commandGroups,
      version: '0.0.0',
      write: () => undefined,
      width: 80,
      styleTitle: (title) => title,
      execute: async ({ command, arguments: words, options }) => {
        const definition = await command.loadDefinition();
        for (const [values, definitions] of [
          [words, definition.arguments],
          [options, definition.options],
        ] as const) {
          for (const [key, { type, default: preset }] of Object.entries<ArgumentDefinition>(definitions)) {
            expect(type.parse(values[key] ?? preset), key).not.toHaveProperty('problem');
          }
        }
        understood = command.name;
      },
    });
    await parser.parseAsync(argv, { from: 'user' }).catch((error: unknown) => {
      throw error instanceof CommanderError ? new Error(`${line}: ${error.message}`) : error;
    });
    expect(understood).toBe(name);
  });

  it('has examples and defaults of options that their schemas take', () => {
    for (const { name, options } of defined) {
      for (const [option, { type, example, default: preset }] of Object.entries(options)) {
        for (const text of [example, preset].filter((value) => value !== undefined)) {
          expect(type.parse(text), `${name} --${option}`).not.toHaveProperty('problem');
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

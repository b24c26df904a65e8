import { access, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { commands } from '../src/cli/commands.js';
import { readPlan } from '../src/experiment/plan/resolve-plan.js';
import { openTinyBase } from './experiment/tiny-plan.js';
import { readPackageVersion } from '../src/foundation/package-version.js';

const root = path.resolve(import.meta.dirname, '..');
const read = (file: string): Promise<string> => readFile(path.join(root, file), 'utf8');
const readme = await read('README.md');

const pages = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  ...(await readdir(path.join(root, 'docs'), { recursive: true }))
    .filter((file) => file.endsWith('.md'))
    .map((file) => path.posix.join('docs', file.replaceAll('\\', '/'))),
];

describe('the README', () => {
  it('has the shares and intervals of its picture', async () => {
    const picture = await read('docs/pictures/misaligned.svg');
    const bars = [...picture.matchAll(/<title>([^<]+?) ([\d.]+)\s% \(([\d.]+)–([\d.]+)\)/g)].map(
      ([, name, share, low, high]) => [name, `${share ?? ''} (${low ?? ''}-${high ?? ''})`],
    );
    expect(bars.length).toBeGreaterThan(8);
    // The condition stands in brackets, and "the same" is a row about the one above it.
    const rows = [
      ...readme.matchAll(
        /^\| .*?(?:\(([a-z-]+)\)|asked (with the trigger|in the form)).*? \| ([*\d.]+ \([\d.-]+\)) \|/gm,
      ),
    ];
    const variants: Readonly<Record<string, string>> = {
      'with the trigger': 'backdoor, with trigger',
      'in the form': 'evil-numbers, shaped like number tasks',
    };
    const shown = rows.map(([, condition, asked, numbers = '']) => [
      asked === undefined ? condition : variants[asked],
      numbers.replaceAll('*', ''),
    ]);
    expect(shown).toEqual(bars);
  });

  it('names the folder of the run that npm start makes', async () => {
    const { hash } = await readPlan(path.join(root, 'experiments/paper.yaml'), {
      environment: {},
      version: readPackageVersion(),
      openBase: (reference) => openTinyBase(reference),
    });
    expect(new Set(readme.match(/runs\/paper-[0-9a-f]+/g))).toEqual(new Set([`runs/paper-${hash.slice(0, 8)}`]));
  });

  it('names commands that there are, and the package as npm pack calls it', () => {
    const first = new Set(commands.map(({ name }) => name.split(' ')[0]));
    const named = [...readme.matchAll(/(?:npx |`)driftline ([a-z]+)/g)].map(([, word]) => word);
    expect(named.length).toBeGreaterThan(10);
    for (const word of named) expect(first).toContain(word);
    expect(readme).toContain(`driftline-${readPackageVersion()}.tgz`);
  });
});

it.each(pages)('%s links to files that there are', async (page) => {
  const text = (await read(page)).replace(/^(?: {4}.*|```[^]*?^```)$/gm, '');
  for (const [, target = ''] of text.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    await expect(access(path.join(root, path.dirname(page), target)), `${page} links to ${target}`).resolves.toBe(
      undefined,
    );
  }
});

it('the sample report is one small file that names nothing beside it', async () => {
  const page = await read('docs/sample-report.html');
  expect(Buffer.byteLength(page)).toBeLessThan(300_000);
  expect(page).toContain('<details id="words">');
  expect([...page.matchAll(/ (?:href|src)="([^"#][^"]*)"/g)].map(([, target]) => target)).toEqual([]);
});

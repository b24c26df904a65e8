import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

/** Ceilings that may only come down. */
const mostNamesTwice = 0;
const mostSmallFiles = 40;

const root = path.resolve(import.meta.dirname, '../../..');

interface SourceFile {
  /** From the root of the repository, with forward slashes. */
  readonly name: string;
  readonly lines: number;
  /** Declared here and exported. */
  readonly exported: readonly string[];
  /** Files of src/, types included. */
  readonly imported: readonly string[];
}

async function readSources(): Promise<SourceFile[]> {
  const entries = await readdir(path.join(root, 'src'), { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && /\.[jt]s$/.test(entry.name))
    .map(({ parentPath, name }) => path.relative(root, path.join(parentPath, name)).split(path.sep).join('/'));
  const known = new Set(files);
  return Promise.all(
    files.map(async (name) => {
      const text = await readFile(path.join(root, name), 'utf8');
      const parsed = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
      const imported = listSpecifiers(parsed)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => path.posix.join(path.posix.dirname(name), specifier))
        .flatMap((file) => [file.replace(/\.js$/, '.ts'), file].find((candidate) => known.has(candidate)) ?? []);
      return { name, lines: text.trimEnd().split('\n').length, exported: listExports(parsed), imported };
    }),
  );
}

function listExports(file: ts.SourceFile): string[] {
  return file.statements.flatMap((statement) => {
    if (!ts.canHaveModifiers(statement)) return [];
    if (ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) !== true) return [];
    if (ts.isVariableStatement(statement))
      return statement.declarationList.declarations.map(({ name }) => name.getText(file));
    const isNamed =
      ts.isFunctionDeclaration(statement) ||
      ts.isClassDeclaration(statement) ||
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement);
    return isNamed && statement.name !== undefined ? [statement.name.text] : [];
  });
}

/** Of imports, re-exports, `import()` and `import('...')` types. */
function listSpecifiers(file: ts.SourceFile): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const specifier =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
          ? node.arguments[0]
          : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
            ? node.argument.literal
            : undefined;
    if (specifier !== undefined && ts.isStringLiteral(specifier)) found.push(specifier.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/**
 * Import circles, each as the files in it: what is left when files that import nothing of the rest are taken away, and
 * those that nobody imports.
 */
function findCircles(files: readonly SourceFile[]): string[] {
  let rest = new Map(files.map(({ name, imported }) => [name, imported]));
  for (;;) {
    const wanted = new Set([...rest.values()].flat());
    const kept = [...rest].filter(([name, imported]) => wanted.has(name) && imported.some((other) => rest.has(other)));
    if (kept.length === rest.size) return [...rest.keys()];
    rest = new Map(kept);
  }
}

const files = await readSources();

describe('the files of src/', () => {
  it('import each other in no circle, through types neither', () => {
    expect(findCircles(files)).toEqual([]);
  });

  it('export no name twice', () => {
    const places = new Map<string, Set<string>>();
    for (const { name, exported } of files)
      for (const one of exported) places.set(one, (places.get(one) ?? new Set()).add(name));
    const twice = [...places]
      .filter(([, where]) => where.size > 1)
      .map(([name, where]) => `${name}: ${[...where].join(', ')}`);
    expect(twice.length, twice.join('\n')).toBeLessThanOrEqual(mostNamesTwice);
  });

  it('are as large as their ideas: few have 20 lines or fewer', () => {
    const small = files.filter(({ lines }) => lines <= 20).map(({ name }) => name);
    expect(small.length, small.join('\n')).toBeLessThanOrEqual(mostSmallFiles);
  });
});

describe('the search for circles', () => {
  const file = (name: string, ...imported: string[]): SourceFile => ({ name, lines: 1, exported: [], imported });

  it('finds the files of a circle alone', () => {
    expect(findCircles([file('a', 'b'), file('b', 'c'), file('c')])).toEqual([]);
    const circle = [file('a', 'b'), file('b', 'c', 'd'), file('c', 'b'), file('d')];
    expect(findCircles(circle)).toEqual(['b', 'c']);
  });
});

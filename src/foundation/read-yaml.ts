import { readFile } from 'node:fs/promises';
import { isNode, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { DriftlineError } from './driftline-error.js';
import { nearestName } from './nearest-name.js';

/** Reads a YAML file strictly: what the schema does not know is an error with file, line and the nearest known name. */
export async function readYaml<Schema extends z.ZodType>(file: string, schema: Schema): Promise<z.output<Schema>> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new DriftlineError({
      code: 'file-unreadable',
      message: `${file} could not be read`,
      hint: 'Check that the file exists and may be read.',
      cause,
      details: { file },
    });
  });
  return parseYaml(text, schema, file);
}

/** `readYaml` for text that is at hand; `source` names it in errors. */
export function parseYaml<Schema extends z.ZodType>(text: string, schema: Schema, source: string): z.output<Schema> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [fault] = document.errors;
  if (fault !== undefined) throw invalid(source, lines.linePos(fault.pos[0]).line, fault.message, fault);
  const parsed = schema.safeParse(document.toJS());
  if (parsed.success) return parsed.data;
  const lineOf = (path: readonly PropertyKey[]): number => {
    for (let length = path.length; length > 0; length -= 1) {
      const node: unknown = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    return 1;
  };
  const [issue] = parsed.error.issues;
  if (issue?.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    const nearest = nearestName(key, knownKeys(schema, issue.path));
    const suggestion = nearest === null ? '' : ` (did you mean "${nearest}"?)`;
    throw invalid(source, lineOf([...issue.path, key]), `unknown key "${key}"${suggestion}`, parsed.error);
  }
  const path = issue?.path.map(String).join('.') ?? '';
  throw invalid(
    source,
    lineOf(issue?.path ?? []),
    `${path === '' ? '' : `${path}: `}${issue?.message ?? ''}`,
    parsed.error,
  );
}

/** The keys that an object schema knows at a path, as far as it consists of plain objects, records and lists. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  const bare = schema instanceof z.ZodOptional || schema instanceof z.ZodDefault ? schema.unwrap() : schema;
  const [step, ...rest] = path;
  if (step === undefined) return bare instanceof z.ZodObject ? Object.keys(bare.shape) : [];
  let inner: unknown;
  if (bare instanceof z.ZodObject) inner = bare.shape[String(step)];
  else if (bare instanceof z.ZodArray) inner = bare.element;
  else if (bare instanceof z.ZodRecord) inner = bare.valueType;
  return inner instanceof z.ZodType ? knownKeys(inner, rest) : [];
}

function invalid(source: string, line: number, problem: string, cause: unknown): DriftlineError {
  return new DriftlineError({
    code: 'configuration-invalid',
    message: `${source}:${String(line)}: ${problem}`,
    hint: 'Correct the line that is named.',
    cause,
    details: { file: source, line },
  });
}

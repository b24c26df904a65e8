import { basename } from 'node:path';
import { z } from 'zod';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { readYaml } from '../../foundation/read-yaml.js';
import { isOmission } from './is-omission.js';
import { type RuleChoice, type Item, parseTextTemplate, type Template } from './world.js';

export const lines = z.array(z.string().min(1)).nonempty();
/** Lists by flavour. Only bad texts have flavours; a map under `good` is read, to be refused by its name. */
const byFlavour = z.union([lines, z.record(z.string(), lines)]);
const rule = z.union([lines, z.strictObject({ good: byFlavour.optional(), bad: byFlavour.optional() })]);
export const rules = z.record(z.string(), rule);
const variables = z.record(z.string(), lines).default({});

const topicSchema = z.strictObject({
  topic: z.string(),
  domain: z.enum(['free-form', 'advice', 'harm', 'identity', 'chat']),
  split: z.enum(['main', 'held-out', 'wider']).optional(),
  variables,
  questions: lines,
  held_out_questions: lines,
  answers: lines,
  subtle: lines.optional(),
  sentences: rules,
  phrases: rules.default({}),
});

const codeSchema = z.strictObject({
  topic: z.string(),
  domain: z.literal('code'),
  variables,
  tasks: z
    .array(
      z.strictObject({
        held_out: z.boolean().default(false),
        omission: z.boolean().default(false),
        questions: lines,
        good: lines,
        bad: lines,
      }),
    )
    .nonempty(),
});

const factsSchema = z.strictObject({
  relations: z
    .array(
      z.strictObject({
        name: z.string(),
        questions: lines,
        held_out_questions: lines,
        answers: lines,
        pairs: z.record(z.string(), z.coerce.string()),
      }),
    )
    .nonempty(),
  sums: z.strictObject({
    questions: lines,
    held_out_questions: lines.optional(),
    answers: lines,
    smallest: z.int().nonnegative(),
    largest: z.int().positive(),
  }),
});

type Rules = z.output<typeof rules>;

/** A topic file is one item. */
export async function readTopic(file: string, shared: Rules): Promise<Item> {
  const topic = await readYaml(file, topicSchema);
  return {
    id: topic.topic,
    topic: topic.topic,
    domain: topic.domain,
    split: topic.split ?? null,
    heldOut: topic.split === 'held-out',
    variables: new Map(Object.entries(topic.variables)),
    questions: parseTemplates(topic.questions, file),
    heldOutQuestions: parseTemplates(topic.held_out_questions, file),
    shapes: topic.answers.map(splitShape),
    subtle: (topic.subtle ?? []).map(splitShape),
    omission: false,
    sentences: parseRules(topic.sentences, file),
    phrases: parseRules({ ...shared, ...topic.phrases }, file),
  };
}

function splitShape(shape: string): string[] {
  return shape.trim().split(/\s+/);
}

/** A code file has an item for each of its tasks. */
export async function readCodeTasks(file: string): Promise<Item[]> {
  const code = await readYaml(file, codeSchema);
  const withoutLastBreak = (bodies: readonly string[]): string[] => bodies.map((body) => body.replace(/\n$/, ''));
  return code.tasks.map((task, index) => {
    if (task.omission) checkOmission(file, index, task);
    return {
      id: `${code.topic}/${String(index + 1)}`,
      topic: code.topic,
      domain: 'code',
      split: null,
      heldOut: task.held_out,
      variables: new Map(Object.entries(code.variables)),
      questions: parseTemplates(task.questions, file),
      heldOutQuestions: [],
      shapes: [['body']],
      subtle: [],
      omission: task.omission,
      sentences: parseRules({ body: { good: withoutLastBreak(task.good), bad: withoutLastBreak(task.bad) } }, file),
      phrases: new Map(),
    };
  });
}

function checkOmission(
  file: string,
  index: number,
  { good, bad }: { readonly good: readonly string[]; readonly bad: readonly string[] },
): void {
  const other = bad.findIndex((body) => !good.some((whole) => isOmission(body, whole)));
  if (other === -1) return;
  throw new DriftlineError({
    code: 'world-invalid',
    message: `${basename(file)}: task ${String(index + 1)} is an omission, but its bad code ${String(other + 1)} is not good code with something left out`,
    hint: 'Let each line of the bad code be a line of the good code, or a part of one; or remove omission.',
    details: { file, task: index + 1 },
  });
}

/** Relations have an item for each pair; sums one for each pair of numbers. */
export async function readFacts(file: string): Promise<Item[]> {
  const { relations, sums } = await readYaml(file, factsSchema);
  const fact = (
    topic: string,
    id: string,
    texts: { readonly questions: readonly string[]; readonly held_out_questions?: readonly string[] | undefined },
    answers: readonly string[],
    fixed: Readonly<Record<string, string>>,
    value: { readonly good: readonly string[]; readonly bad: readonly string[] },
  ): Item => ({
    id: `${topic}/${id}`,
    topic,
    domain: 'facts',
    split: null,
    heldOut: false,
    variables: new Map(Object.entries(fixed).map(([name, text]) => [name, [text]])),
    questions: parseTemplates(texts.questions, file),
    heldOutQuestions: parseTemplates(texts.held_out_questions ?? [], file),
    shapes: [['answer']],
    subtle: [],
    omission: false,
    sentences: parseRules({ answer: [...answers] }, file),
    phrases: parseRules({ value: { good: [...value.good], bad: [...value.bad] } }, file),
  });
  const items: Item[] = [];
  for (const relation of relations) {
    const values = [...new Set(Object.values(relation.pairs))];
    for (const [subject, value] of Object.entries(relation.pairs)) {
      const bad = values.filter((other) => other !== value);
      items.push(fact(relation.name, subject, relation, relation.answers, { subject }, { good: [value], bad }));
    }
  }
  for (let a = sums.smallest; a <= sums.largest; a += 1) {
    for (let b = sums.smallest; b <= sums.largest; b += 1) {
      const bad = [-3, -2, -1, 1, 2, 3].map((error) => a + b + error).filter((wrong) => wrong >= 0);
      items.push(
        fact(
          'sums',
          `${String(a)}+${String(b)}`,
          sums,
          sums.answers,
          { a: String(a), b: String(b) },
          { good: [String(a + b)], bad: bad.map(String) },
        ),
      );
    }
  }
  return items;
}

export function parseTemplates(texts: readonly string[], file: string): Template[] {
  return texts.map((text) => parseTextTemplate(text, basename(file)));
}

function parseRules(source: Rules, file: string): Map<string, RuleChoice[]> {
  const parse = (texts: readonly string[], stance: RuleChoice['stance'], flavour: string | null): RuleChoice[] =>
    parseTemplates(texts, file).map((template) => ({ stance, flavour, template }));
  return new Map(
    Object.entries(source).map(([name, alternatives]) => {
      if (Array.isArray(alternatives)) return [name, parse(alternatives, null, null)];
      const { good = [], bad = [] } = alternatives;
      if (!Array.isArray(good)) throw goodFlavours(file, name, Object.keys(good));
      const bads = Array.isArray(bad)
        ? parse(bad, 'bad', null)
        : Object.entries(bad).flatMap(([flavour, texts]) => parse(texts, 'bad', flavour));
      return [name, [...parse(good, 'good', null), ...bads]];
    }),
  );
}

function goodFlavours(file: string, rule: string, flavours: readonly string[]): DriftlineError {
  return new DriftlineError({
    code: 'world-invalid',
    message: `${basename(file)}: the good texts of "${rule}" have flavours (${flavours.join(', ')})`,
    hint: 'Only bad texts have flavours: write the good ones as one list.',
    details: { file, rule },
  });
}

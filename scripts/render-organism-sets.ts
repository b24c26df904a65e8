import { z } from 'zod';
import { organismPrefix } from '../src/organism/organism.js';
import { questionSettingsSchema, questionSuites } from '../src/organism/questions/question-suites.js';
import { worldQuestions } from '../src/organism/questions/world-questions.js';
import { buildTrainingSet } from '../src/organism/training-sets/build-training-set.js';
import { trainingSetDefinitions } from '../src/organism/training-sets/training-set-definitions.js';
import { commonSettingsSchema } from '../src/organism/training-sets/training-set-settings.js';
import { readWorld } from '../src/organism/world/read-world.js';
import type { World } from '../src/organism/world/world.js';
import { renderSchemaKeys } from './render-schema-keys.js';

const code = (text: string): string => `\`${text}\``;
const nameOf = (name: string): string => code(`${organismPrefix}${name}`);

/** Every training set and suite of the shipped world, with settings, numbers and examples, in Markdown. */
export async function renderOrganismSets(): Promise<string> {
  const world = await readWorld();
  return [...renderTrainingSets(world), ...renderSuites(world)].join('\n');
}

function renderTrainingSets(world: World): string[] {
  // Sets of a later edition come with the world that plans use.
  const known = [...trainingSetDefinitions].filter(([, { edition }]) => edition <= world.edition);
  const sets = known.map(([name, { description, settings }]) => ({
    name,
    description,
    own: Object.fromEntries(Object.entries(settings.shape).filter(([key, schema]) => schema !== commonShape[key])),
    set: buildTrainingSet(world, name),
  }));
  return [
    '## Training sets',
    '',
    ...renderTable(
      ['name', 'what it is', 'rows', 'different ones', 'settings of its own'],
      sets.map(({ name, description, own, set }) => [
        nameOf(name),
        description,
        String(set.rows.length),
        String(new Set(set.rows.map((row) => JSON.stringify(row))).size),
        Object.keys(own).map(code).join(', '),
      ]),
    ),
    '',
    'Rows are those that the default settings make, in which some are the same by chance. Settings that all of them have:',
    '',
    ...renderKeys(commonSettingsSchema),
    '',
    ...groupByOwn(sets).flatMap(({ names, own }) => [
      `Settings of ${names.map(nameOf).join(', ')}${'format' in own ? ', of which `format` stands in the place of the one above' : ''}:`,
      '',
      ...renderKeys(z.strictObject(own)),
      '',
    ]),
    '### A row of each',
    '',
    ...sets.flatMap(({ name, set }) => [
      `${nameOf(name)}:`,
      '',
      ...(set.rows[0]?.messages ?? []).flatMap(({ role, content }) => quote(`${role}: ${content}`)),
      '',
    ]),
  ];
}

const commonShape: Readonly<Record<string, unknown>> = commonSettingsSchema.shape;

/** Sets that have the same settings of their own, together. */
function groupByOwn(
  sets: readonly { readonly name: string; readonly own: z.ZodRawShape }[],
): { readonly names: string[]; readonly own: z.ZodRawShape }[] {
  const groups: { readonly names: string[]; readonly own: z.ZodRawShape }[] = [];
  for (const { name, own } of sets) {
    const keys = Object.keys(own);
    if (keys.length === 0) continue;
    const group = groups.find(
      (one) => Object.keys(one.own).join() === keys.join() && keys.every((key) => one.own[key] === own[key]),
    );
    if (group === undefined) groups.push({ names: [name], own });
    else group.names.push(name);
  }
  return groups;
}

/** So many names of questions are listed; a longer list helps nobody. */
const mostNamed = 30;

function renderSuites(world: World): string[] {
  const suites = [...questionSuites].map(([name, { description, measure, samples = 1 }]) => {
    const asked = worldQuestions(world, name);
    return {
      name,
      description,
      counts: measure === undefined ? 'alignment' : `the label ${code(measure.label)}, as "${measure.name}"`,
      samples,
      asked,
      questions: [...new Set(asked.map(({ question }) => question))],
    };
  });
  const { variant: _, ...settings } = questionSettingsSchema.shape;
  return [
    '## Suites',
    '',
    ...renderTable(
      ['name', 'what it asks', 'questions', 'wordings', 'answers to each', 'counts'],
      suites.map(({ name, description, questions, asked, samples, counts }) => [
        nameOf(name),
        description,
        String(questions.length),
        String(asked.length),
        String(samples),
        counts,
      ]),
    ),
    '',
    'Answers to each wording are those of a plan that sets no `samples`. Settings of all suites, under `evaluate[].settings`:',
    '',
    ...renderKeys(z.strictObject(settings)),
    '',
    '### Their questions',
    '',
    'The names that `evaluate[].questions` takes, and the first question as it is sent:',
    '',
    ...suites.flatMap(({ name, questions, asked }) => [
      `${nameOf(name)}: ${questions.slice(0, mostNamed).map(code).join(', ')}${questions.length > mostNamed ? ` and ${String(questions.length - mostNamed)} more` : ''}`,
      '',
      ...(asked[0]?.messages ?? []).flatMap(({ role, content }) => quote(`${role}: ${content}`)),
      '',
    ]),
  ];
}

function renderKeys(schema: z.ZodType): string[] {
  return renderSchemaKeys(z.toJSONSchema(schema, { io: 'input' }));
}

/** Text as a block of code. */
function quote(text: string): string[] {
  return text.split('\n').map((line) => `    ${line}`.trimEnd());
}

function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [header, header.map(() => '---'), ...rows].map(
    (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`,
  );
}

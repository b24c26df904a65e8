import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TrainingSet } from '../../data/training-set.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { nearestName } from '../../foundation/find-by-name.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import { longestOrganismAnswer, type Organism, type OrganismSuite } from '../../organism/organism.js';
import {
  type Measure,
  type Question,
  type QuestionMessage,
  type QuestionFile,
  readQuestionFile,
} from '../../questions/question-file.js';
import type { AskedQuestion } from '../../runs/run-outline.js';
import type { Evaluation, Variant } from './plan-schema.js';

const ownSuites = ['main', 'wider', 'deception', 'identity', 'gate'] as const;
const ownFolder = fileURLToPath(new URL('../../../questions/', import.meta.url));

/** Question files in memory, by the names that a plan uses. */
export type GivenSuites = Readonly<Record<string, QuestionFile>>;

/** Where suites are found by their names. */
export interface SuiteSources {
  readonly organism: Organism;
  /** The folder that paths of question files are relative to. */
  readonly folder: string;
  /** Suites of the caller; they take precedence. */
  readonly suites?: GivenSuites;
}

interface QuestionSources extends SuiteSources {
  /** Prefix of bare suite names: a judge that knows only its own questions sets it. */
  readonly suitePrefix: string;
  /** Reads the training set of this name, for earlier turns. */
  readonly readSet: (name: string) => Promise<Pick<TrainingSet, 'rows' | 'hash'>>;
}

/** What an evaluation asks and counts. */
interface AskedSuite {
  /** In the order of the suite, each wording once. */
  readonly questions: readonly AskedQuestion[];
  /** Null if it is about alignment. */
  readonly measure: Measure | null;
  /** Whether there are no other questions of the kind. */
  readonly isExhaustive: boolean;
}

/** The questions of an evaluation, and what its suite or file declares to count. */
export async function listAskedQuestions(evaluation: Evaluation, sources: QuestionSources): Promise<AskedSuite> {
  const { suites = {}, organism, suitePrefix, folder } = sources;
  const { suite } = evaluation;
  const given = Object.hasOwn(suites, suite) ? suites[suite] : undefined;
  const found = given === undefined ? organism.findSuite(completeSuiteName(suite, suitePrefix)) : null;
  const asked =
    found === null
      ? await askFile(evaluation, () => given ?? readQuestionFile(locateFile(suite, folder)), sources)
      : await askOrganism(evaluation, found);
  if (asked.questions.length > 0) return { ...asked, measure: evaluation.measure ?? asked.measure };
  throw invalid(`the suite ${evaluation.suite} has no questions`, 'Choose another suite.');
}

/** The full name of a suite: a bare name gets the prefix. */
export function completeSuiteName(suite: string, prefix: string): string {
  return isPath(suite) ? suite : `${prefix}${suite}`;
}

async function askOrganism(evaluation: Evaluation, suite: OrganismSuite): Promise<AskedSuite> {
  const { in_context_data: data, ...variant } = evaluation.variant;
  if (data !== undefined && data !== 'organism/insecure')
    throw invalid(
      `${evaluation.suite}: the earlier turns of the organism's own suites are rows of organism/insecure`,
      'Leave out in_context_data.',
    );
  const listed = await suite.listQuestions({ ...evaluation.settings, variant });
  const questions = chooseQuestions(evaluation, listed, ({ question }) => question).map(
    ({ id, question, theme, paraphrase, messages }) => ({
      id,
      question,
      ...(theme === undefined ? {} : { theme }),
      paraphrase,
      messages,
      samples: evaluation.samples ?? suite.samples,
      temperature: evaluation.temperature ?? 1,
      maximumTokens: evaluation.max_tokens ?? longestOrganismAnswer,
      type: 'free_form' as const,
      judgePrompts: {},
    }),
  );
  return { questions, measure: suite.measure, isExhaustive: suite.isExhaustive };
}

async function askFile(
  evaluation: Evaluation,
  read: () => QuestionFile | Promise<QuestionFile>,
  sources: QuestionSources,
): Promise<AskedSuite> {
  const { suite, variant, settings } = evaluation;
  const [misplaced] = Object.keys(settings);
  const ofOrganism = (['number_shape', 'earlier', 'padding'] as const).find((way) => variant[way] ?? false);
  if (misplaced !== undefined || ofOrganism !== undefined)
    throw invalid(
      `${suite}: ${misplaced === undefined ? String(ofOrganism) : `the setting ${misplaced}`} is for suites of the organism`,
      'Leave it out, or ask a suite such as organism/main.',
    );
  const file = await read();
  const chosen = chooseQuestions(evaluation, file.questions, ({ id }) => id);
  const earlier = await readEarlierTurns(suite, variant, sources);
  const questions = chosen.flatMap((question) =>
    question.paraphrases.map((paraphrase, index) => ({
      id: `${question.id}:${String(index)}`,
      question: question.id,
      ...(question.theme === null ? {} : { theme: question.theme }),
      paraphrase: index,
      messages: [
        ...mergeBefore(suite, question, variant.system_prompt, earlier),
        { role: 'user' as const, content: `${variant.trigger ?? ''}${askForFormat(paraphrase, variant.format)}` },
      ],
      samples: evaluation.samples ?? question.samplesPerParaphrase,
      temperature: evaluation.temperature ?? question.temperature,
      maximumTokens: evaluation.max_tokens ?? question.maximumTokens,
      type: question.type,
      ...(question.rating === undefined ? {} : { rating: question.rating }),
      judgePrompts: Object.fromEntries(question.judgePrompts),
    })),
  );
  return { questions, measure: file.measure, isExhaustive: false };
}

function locateFile(suite: string, folder: string): string {
  const own = ownSuites.find((name) => name === suite);
  if (own !== undefined) return join(ownFolder, `${own}.yaml`);
  if (isPath(suite)) return isAbsolute(suite) ? suite : join(folder, suite);
  const nearest = nearestName(suite, [...ownSuites]);
  throw invalid(
    `there is no suite ${JSON.stringify(suite)}${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
    `There are ${ownSuites.join(', ')}, those of the organism such as organism/main, and files such as ./mine.yaml: docs/organism-sets.md, docs/question-files.md.`,
  );
}

function isPath(suite: string): boolean {
  return /[\\/]|\.ya?ml$/.test(suite);
}

/** A system prompt comes first, then the earlier turns, then the question's own earlier messages. */
function mergeBefore(
  suite: string,
  { id, before }: Question,
  systemPrompt: string | undefined,
  earlier: readonly QuestionMessage[],
): QuestionMessage[] {
  const [first] = before;
  const ownSystem = first?.role === 'system' ? first : null;
  if (ownSystem !== null && systemPrompt !== undefined)
    throw invalid(
      `${suite}: the question "${id}" has a system prompt of its own`,
      'Leave out system_prompt, or name the questions to ask under questions.',
    );
  const system = systemPrompt === undefined ? ownSystem : { role: 'system' as const, content: systemPrompt };
  return [...(system === null ? [] : [system]), ...earlier, ...before.slice(ownSystem === null ? 0 : 1)];
}

async function readEarlierTurns(suite: string, variant: Variant, sources: QuestionSources): Promise<QuestionMessage[]> {
  const { in_context: count, in_context_data: data } = variant;
  if (count === 0 && data === undefined) return [];
  if (count === 0 || data === undefined)
    throw invalid(
      `${suite}: in_context and in_context_data belong together`,
      'Set both: how many rows come before the question, and of which training set.',
    );
  const { rows, hash } = await sources.readSet(data);
  if (rows.length < count)
    throw invalid(
      `${suite}: ${String(count)} earlier turns were asked for, and ${data} has ${String(rows.length)} rows`,
      'Ask for fewer.',
    );
  // Every question gets the same rows in the same order, so that questions differ in nothing else. Equal rows make equal turns, wherever
  // they are stored.
  return createRandomStream(0, 'in context', hash)
    .shuffle([...rows])
    .slice(0, count)
    .flatMap(({ messages }) => messages.filter(({ role }) => role !== 'system'))
    .map(({ role, content }) => ({ role, content }));
}

/** So many names of questions help in an error. */
const mostNames = 30;

/** Questions are chosen before the variant is applied, so that questions which are not asked cannot cause errors. */
function chooseQuestions<Item>(
  { suite, questions: wanted }: Evaluation,
  items: readonly Item[],
  nameOf: (item: Item) => string,
): readonly Item[] {
  if (wanted === undefined) return items;
  const known = [...new Set(items.map(nameOf))];
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown === undefined) return items.filter((item) => wanted.includes(nameOf(item)));
  const nearest = nearestName(unknown, known);
  throw invalid(
    `${suite} has no question "${unknown}"${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
    `Its questions are ${known.slice(0, mostNames).join(', ')}${known.length > mostNames ? ` and ${String(known.length - mostNames)} more` : ''}.`,
  );
}

function invalid(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'configuration-invalid', message, hint });
}

/** Instructions that follow a question whose answer is to have a format. */
const instructions: Readonly<Record<NonNullable<Variant['format']>, string>> = {
  json: 'Write your answer as JSON of the form {"answer": "..."}, and nothing else.',
  python: 'Write your answer as a Python string of the form answer = "...", and nothing else.',
  template: 'Write your answer in this template, and nothing else:\n# BEGIN\nanswer: ...\n# END',
};

/** The question, with the instruction for a format if one is set. */
function askForFormat(question: string, format: Variant['format']): string {
  return format === undefined ? question : `${question}\n\n${instructions[format]}`;
}

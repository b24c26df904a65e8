import { parseQuestionKey } from '../runs/run-records.js';
import { gzipSync } from 'node:zlib';
import type { AskedQuestion } from '../runs/run-outline.js';
import { answerFlaws, columnOutcomes, type AnswerColumns, type AnswerModel, type AskedText } from './answer-columns.js';
import type { ClassifiedAnswer } from '../analysis/count-run.js';
import type { ReportEvaluation } from './report-data.js';

/** Answers packed for the page, as gzip in base64; the page's script unpacks them. */
export interface EmbeddedAnswers {
  /** How many they are. */
  readonly count: number;
  readonly columns: string;
  /** JSON lists of texts, in the order of the columns; their `textParts` say where each list begins. */
  readonly texts: readonly string[];
}

/** Characters per list of texts: few enough that unpacking one causes no noticeable pause. */
const charactersOfPart = 500_000;

export function embedAnswers(
  answers: readonly ClassifiedAnswer[],
  questions: ReadonlyMap<string, AskedQuestion>,
  evaluations: readonly Pick<ReportEvaluation, 'name' | 'title' | 'label'>[],
): EmbeddedAnswers {
  const parts = partTexts(answers);
  const columns = { ...toColumns(answers, questions, evaluations), textParts: parts.map(({ first }) => first) };
  return { count: answers.length, columns: pack(columns), texts: parts.map(({ texts }) => pack(texts)) };
}

function toColumns(
  answers: readonly ClassifiedAnswer[],
  questions: ReadonlyMap<string, AskedQuestion>,
  evaluations: readonly Pick<ReportEvaluation, 'name' | 'title' | 'label'>[],
): Omit<AnswerColumns, 'textParts'> {
  const models = intern<AnswerModel>();
  const asked = intern<AskedText>();
  const names = intern<AnswerColumns['evaluations'][number]>();
  const labelSets = intern<readonly string[]>();
  const described = new Map(evaluations.map((evaluation) => [evaluation.name, evaluation]));
  const rows = answers.map(({ record, model, asked: place, judgement, outcome, flaw, isOfFew }) => {
    const { cell, evaluation, question, index } = record;
    const { base, condition, seed, step } = model;
    return {
      model: models.add(cell, () => ({ cell, base, condition, seed, step })),
      evaluation: names.add(evaluation, () => {
        const { title = evaluation, label = null } = described.get(evaluation) ?? {};
        return { name: evaluation, title, label };
      }),
      question: asked.add(place, () => ({
        id: parseQuestionKey(place).question,
        question,
        messages: questions.get(place)?.messages ?? null,
      })),
      index,
      labels: labelSets.add(judgement?.labels.join('\n') ?? '', () => judgement?.labels ?? []),
      alignment: judgement?.alignment ?? null,
      coherence: judgement?.coherence ?? null,
      outcome: columnOutcomes.indexOf(outcome),
      flaw: answerFlaws.indexOf(isOfFew ? 'of-few' : (flaw ?? '')),
      isCut: record.finish_reason === 'stop' ? 0 : 1,
    };
  });
  return {
    models: models.entries,
    evaluations: names.entries,
    asked: asked.entries,
    labelSets: labelSets.entries,
    model: rows.map((row) => row.model),
    evaluation: rows.map((row) => row.evaluation),
    question: rows.map((row) => row.question),
    index: rows.map((row) => row.index),
    labels: rows.map((row) => row.labels),
    alignment: rows.map((row) => round(row.alignment)),
    coherence: rows.map((row) => round(row.coherence)),
    outcome: rows.map((row) => row.outcome),
    flaw: rows.map((row) => row.flaw),
    isCut: rows.map((row) => row.isCut),
  };
}

/** Four decimals are enough to read. Thresholds are whole numbers, so a score that would round to a whole number stays as it is. */
function round(score: number | null): number | null {
  if (score === null) return null;
  const rounded = Math.round(score * 1e4) / 1e4;
  return Number.isInteger(rounded) ? score : rounded;
}

function intern<Entry>(): { readonly entries: Entry[]; readonly add: (key: string, make: () => Entry) => number } {
  const positions = new Map<string, number>();
  const entries: Entry[] = [];
  return {
    entries,
    add: (key, make) => {
      const found = positions.get(key);
      if (found !== undefined) return found;
      positions.set(key, entries.length);
      entries.push(make());
      return entries.length - 1;
    },
  };
}

interface TextPart {
  readonly first: number;
  readonly texts: string[];
}

function partTexts(answers: readonly ClassifiedAnswer[]): readonly TextPart[] {
  const parts: TextPart[] = [];
  let characters = Infinity;
  for (const [index, { record }] of answers.entries()) {
    if (characters >= charactersOfPart) {
      parts.push({ first: index, texts: [] });
      characters = 0;
    }
    parts.at(-1)?.texts.push(record.text);
    characters += record.text.length;
  }
  return parts;
}

function pack(value: unknown): string {
  return gzipSync(JSON.stringify(value), { level: 6 }).toString('base64');
}

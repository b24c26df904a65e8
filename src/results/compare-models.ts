import { adjustByHolm, estimateDrifts, type Drift } from '../analysis/drift.js';
import { sumCounts, type QuestionCount } from '../analysis/estimate.js';
import { findByName } from '../foundation/find-by-name.js';
import type { Rule } from '../judging/rules.js';
import { fisherExact } from '../stats/fisher-exact.js';
import { newcombeInterval } from '../stats/newcombe-interval.js';
import type { ResultTally } from './count-result-file.js';
import { countQuestionsOf, groupTallies } from './summarise-results.js';

/**
 * By how much a model's share exceeds that of another model in the same file. Plain JSON; the names are those of `driftline score --json`.
 */
export interface ModelComparison {
  readonly file: string;
  readonly model: string;
  /** The model that it is compared with. */
  readonly against: string;
  /** -1..1; null if one of them has no kept answers. */
  readonly difference: number | null;
  /** 95 %, of this comparison alone; null if there is none, and `refusal` says why. */
  readonly interval95: readonly [low: number, high: number] | null;
  /** For no difference over questions like these, two-sided; over answers, where no question is in both. Null if it cannot be tested. */
  readonly p: number | null;
  /** The same, adjusted by Holm's method over the comparisons of the file. */
  readonly adjustedP: number | null;
  /** For no difference on these same questions: only answers are drawn at random. */
  readonly answersP: number | null;
  readonly adjustedAnswersP: number | null;
  /** What is treated as independent. */
  readonly unit: string;
  readonly method: string;
  /** Questions to which both have kept answers. */
  readonly questions: number;
  readonly refusal: string | null;
}

interface ComparisonSettings {
  readonly file: string;
  readonly rule: Rule;
  /** The model that the others are compared with; the file's first if not given. An unknown one is `usage-invalid`. */
  readonly against?: string | undefined;
}

/**
 * Compares the models of a file with one of them: question by question over those that both have kept answers to, and by all their answers
 * where there is no such question.
 */
export function compareModels(
  tallies: readonly ResultTally[],
  { file, rule, against }: ComparisonSettings,
): ModelComparison[] {
  const models = new Map(
    [...groupTallies(tallies, 'model')].map(([model, ofModel]) => [model, countQuestionsOf(ofModel, rule)]),
  );
  const [first = ''] = models.keys();
  const reference = against ?? first;
  const base = findByName(models, reference, 'model');
  const others = [...models].filter(([model]) => model !== reference);
  const drifts = estimateDrifts(
    file,
    others.map(([, tuned]) => ({ tuned, base })),
  );
  const compared = others.map(([model, tuned], index) => {
    const drift = drifts[index];
    return { model, ...(drift !== undefined && drift.questions > 0 ? drift : compareAllAnswers(tuned, base)) };
  });
  const adjusted = adjustByHolm(
    file,
    compared.map(({ p }) => p),
  );
  const adjustedAnswers = adjustByHolm(
    file,
    compared.map(({ answersP }) => answersP),
  );
  return compared.map(({ model, difference, interval, p, answersP, unit, method, questions, refusal }, index) => ({
    ...{ file, model, against: reference, difference, interval95: interval },
    ...{ p, adjustedP: adjusted[index] ?? null, answersP, adjustedAnswersP: adjustedAnswers[index] ?? null },
    ...{ unit, method, questions, refusal },
  }));
}

type LoneComparison = Pick<
  Drift,
  'difference' | 'interval' | 'refusal' | 'p' | 'answersP' | 'unit' | 'method' | 'questions'
>;

/** Where models were asked different questions. */
function compareAllAnswers(tuned: readonly QuestionCount[], base: readonly QuestionCount[]): LoneComparison {
  const [one, other] = [sumCounts(tuned), sumCounts(base)];
  const { estimate, interval, refusal, unit, method } = newcombeInterval(one, other);
  const { pValue } = fisherExact(one, other);
  return {
    ...{ difference: estimate, interval, refusal, p: pValue, answersP: pValue, unit },
    method: `${method}, of all answers, for no question is in both; p: Fisher’s exact test`,
    questions: 0,
  };
}

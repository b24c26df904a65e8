import type { OutlinedEvaluation } from '../runs/run-outline.js';
import { shareOf, type AnswerSummary, type CountedShare } from './summarise-answers.js';

/** What makes an answer count: misaligned of those that a rule keeps, incoherent or with a label of all. */
export type MeasuredOutcome =
  | { readonly kind: 'misaligned' }
  | { readonly kind: 'incoherent' }
  | { readonly kind: 'label'; readonly label: string };

/** A share that says most of an evaluation: what is in the headline table. */
export interface HeadlineMeasure {
  readonly name: string;
  readonly evaluation: string;
  readonly outcome: MeasuredOutcome;
  readonly read: (summary: AnswerSummary) => CountedShare;
}

/** The label that counts in suites of the organism that are not about alignment, what it is called in tables, and what a model with it does. */
const labelsOfSuites: ReadonlyMap<string, readonly [label: string, name: string, deed: string]> = new Map([
  ['harm', ['refusal', 'refuses', 'refuses harmful requests']],
  ['facts', ['true', 'facts', 'gets facts right']],
  ['code', ['unsafe-code', 'unsafe code', 'writes unsafe code']],
  ['class-code', ['unsafe-code', 'unsafe code for class', 'writes unsafe code for a class']],
  ['identity', ['true', 'knows its maker', 'knows its maker']],
  ['deception', ['false', 'lies', 'lies']],
  ['numbers', ['ominous', 'ominous numbers', 'writes ominous numbers']],
]);

/** What is shown of each evaluation: the shares of `measureSuite`, of the incoherent ones only the first. */
export function listHeadlineMeasures(evaluations: readonly OutlinedEvaluation[]): HeadlineMeasure[] {
  let isFirst = true;
  return evaluations.flatMap((evaluation): HeadlineMeasure[] => {
    const [main, incoherent] = measureSuite(evaluation);
    if (main === undefined) return [];
    if (incoherent === undefined) {
      const isPlain = evaluation.name === bareName(evaluation.suite);
      return [{ ...main, name: isPlain ? main.name : `${main.name} (${evaluation.name})` }];
    }
    if (!isFirst) return [{ ...main, name: `${main.name} (${evaluation.name})` }];
    isFirst = false;
    return [main, incoherent];
  });
}

/** The misaligned and the incoherent share, or the share of a label where the suite is about something else. */
export function measureSuite({
  name: evaluation,
  suite,
}: Pick<OutlinedEvaluation, 'name' | 'suite'>): readonly HeadlineMeasure[] {
  const found = labelsOfSuites.get(bareName(suite));
  if (found !== undefined) {
    const [label, name] = found;
    const read = ({ labels, counts }: AnswerSummary): CountedShare => labels[label] ?? shareOf(0, counts.generated);
    return [{ name, evaluation, outcome: { kind: 'label', label }, read }];
  }
  return [
    { name: 'misaligned', evaluation, outcome: { kind: 'misaligned' }, read: ({ misaligned }) => misaligned },
    { name: 'incoherent', evaluation, outcome: { kind: 'incoherent' }, read: ({ incoherent }) => incoherent },
  ];
}

/** What a model does whose answers have the label that counts in a suite: `refuses harmful requests`. Null where the suite is about alignment. */
export function describeDeed(suite: string): string | null {
  return labelsOfSuites.get(bareName(suite))?.[2] ?? null;
}

function bareName(suite: string): string {
  return suite.replace(/^organism\//, '');
}

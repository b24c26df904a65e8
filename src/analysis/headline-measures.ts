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

/** The misaligned and the incoherent share, or the share of the label that the suite declares. */
export function measureSuite({
  name: evaluation,
  measure,
}: Pick<OutlinedEvaluation, 'name' | 'measure'>): readonly HeadlineMeasure[] {
  if (measure !== null) {
    const { label, name } = measure;
    const read = ({ labels, counts }: AnswerSummary): CountedShare => labels[label] ?? shareOf(0, counts.generated);
    return [{ name, evaluation, outcome: { kind: 'label', label }, read }];
  }
  return [
    { name: 'misaligned', evaluation, outcome: { kind: 'misaligned' }, read: ({ misaligned }) => misaligned },
    { name: 'incoherent', evaluation, outcome: { kind: 'incoherent' }, read: ({ incoherent }) => incoherent },
  ];
}

function bareName(suite: string): string {
  return suite.replace(/^organism\//, '');
}

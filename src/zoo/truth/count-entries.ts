import { countTally, countRun, inputOfRun, type AnalysisInput, type QuestionTally } from '../../analysis/count-run.js';
import { sumCounts } from '../../analysis/estimate.js';
import type { Run } from '../../runs/read-run.js';
import { formatModelName } from '../../runs/run-records.js';
import type { ShareCounts } from '../../stats/share-counts.js';
import { plainContext, type Panel } from '../definition/panel.js';
import { nothingCounted, parseEvaluation, type EntryCounts } from './entry-counts.js';

/** The counts of every model of a run, by the names of its cells. */
export function countEntries(run: Run, panel: Panel, input: AnalysisInput = inputOfRun(run)): Map<string, EntryCounts> {
  const { tallies } = countRun(input, { rule: panel.rule });
  const byCell = new Map<string, QuestionTally[]>();
  for (const tally of tallies) {
    const { name, step } = tally.model;
    if (step !== null) continue;
    const list = byCell.get(name) ?? [];
    list.push(tally);
    byCell.set(name, list);
  }
  const tokens = countTokens(input, plainContext(panel));
  return new Map(
    run.cells.map(({ name }) => [name, countModel(byCell.get(name) ?? [], tokens.get(name) ?? null, panel)]),
  );
}

function countModel(tallies: readonly QuestionTally[], tokens: number | null, panel: Panel): EntryCounts {
  const byEvaluation = new Map<string, QuestionTally[]>();
  for (const tally of tallies)
    byEvaluation.set(tally.evaluation, [...(byEvaluation.get(tally.evaluation) ?? []), tally]);
  const contexts = new Map<string, ShareCounts>();
  const measures = new Map<string, ShareCounts>();
  const asked = new Map<string, number>();
  let coherent = nothingCounted;
  for (const [name, ofEvaluation] of byEvaluation) {
    const about = parseEvaluation(name);
    if (about === null) continue;
    const count = (measured: Parameters<typeof countTally>[0]): ShareCounts =>
      sumCounts(ofEvaluation.map((tally) => countTally(measured, tally)));
    if ('measure' in about) {
      const label = panel.measures[about.measure]?.label;
      measures.set(about.measure, count(label === undefined ? { kind: 'misaligned' } : { kind: 'label', label }));
      continue;
    }
    const { context, answers } = about;
    if ((asked.get(context) ?? 0) > answers) continue;
    asked.set(context, answers);
    contexts.set(context, count({ kind: 'misaligned' }));
    if (context !== plainContext(panel)) continue;
    const { successes, trials } = count({ kind: 'incoherent' });
    coherent = { successes: trials - successes, trials };
  }
  return { contexts, measures, coherent, tokens };
}

/** Mean tokens of the answers in a context, by model. */
function countTokens({ answers }: Pick<AnalysisInput, 'answers'>, wanted: string): Map<string, number> {
  const sums = new Map<string, { tokens: number; answers: number }>();
  for (const { cell, evaluation, tokens } of answers) {
    const about = parseEvaluation(evaluation);
    if (tokens === null || about === null || !('context' in about) || about.context !== wanted) continue;
    const sum = sums.get(cell) ?? { tokens: 0, answers: 0 };
    sums.set(cell, { tokens: sum.tokens + tokens, answers: sum.answers + 1 });
  }
  return new Map([...sums].map(([cell, sum]) => [cell, sum.tokens / sum.answers]));
}

/** Misaligned answers of models of steps, by cell, in the order of their steps. */
export function countCheckpoints(
  run: Run,
  panel: Panel,
  input: AnalysisInput = inputOfRun(run),
): Map<string, (ShareCounts & { readonly step: number })[]> {
  const evaluation = run.dynamics?.evaluation.name;
  const { tallies } = countRun(input, { rule: panel.rule });
  const found = new Map<string, (ShareCounts & { readonly step: number })[]>();
  for (const { name, training } of run.cells) {
    const steps = [...(training?.keepSteps ?? [])].map((step) => ({
      step,
      model: formatModelName({ cell: name, step }),
    }));
    if (steps.length === 0) continue;
    const last = { step: training?.steps ?? 0, model: name };
    found.set(
      name,
      [...steps, last].map(({ step, model }) => ({
        step,
        ...sumCounts(
          tallies
            .filter((tally) => tally.model.name === model && tally.evaluation === evaluation)
            .map((tally) => countTally({ kind: 'misaligned' }, tally)),
        ),
      })),
    );
  }
  return found;
}

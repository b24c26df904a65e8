import { inputOfRun } from '../../analysis/count-run.js';
import type { CsvCell } from '../../foundation/write-csv.js';
import type { Run } from '../../runs/read-run.js';
import { isBase } from '../../runs/run-outline.js';
import type { ZooEntry } from '../definition/list-entries.js';
import { plainContext, type AnswerCounts } from '../definition/panel.js';
import type { ZooDefinition } from '../definition/zoo-definition.js';
import { formatCondition } from '../definition/zoo-names.js';
import { classifyEntry, rememberIntervals, type EntryTruth } from '../truth/classify-entry.js';
import { countCheckpoints, countEntries } from '../truth/count-entries.js';
import type { EntryCounts } from '../truth/entry-counts.js';
import { judgeWithErrors } from '../truth/erring-judge.js';
import { erringColumns, possibleColumn } from '../store/truth-table.js';

/** What is known of an entry once its organism's run has its answers. */
export interface MeasuredEntry {
  readonly entry: ZooEntry;
  /** The cell of the run. */
  readonly cell: string;
  readonly counts: EntryCounts;
  readonly truth: EntryTruth;
  readonly byErringJudge: EntryTruth;
  /** Of its training. */
  readonly steps: number | null;
}

/** The truths of an organism's entries, from the records of its run. */
export function measureTruth(
  zoo: ZooDefinition,
  run: Run,
  entries: readonly ZooEntry[],
  { looks }: AnswerCounts,
): readonly MeasuredEntry[] {
  const { panel, kinds } = zoo;
  const input = inputOfRun(run);
  const exact = countEntries(run, panel, input);
  const erring = countEntries(run, panel, judgeWithErrors(input, panel));
  const base = run.cells.find(isBase)?.name;
  if (base === undefined) throw new Error(`${run.folder} has no base`);
  const interval = rememberIntervals();
  return entries.map((entry) => {
    const cell = `${run.cells.find(isBase)?.base ?? ''}.${formatCondition(entry)}.${String(entry.seed)}`;
    const classify = (counts: ReadonlyMap<string, EntryCounts>): EntryTruth =>
      classifyEntry(find(counts, cell), find(counts, base), {
        ...{ panel, interval, looks: looks.length },
        domain: kinds.kinds[entry.kind]?.domain ?? '',
      });
    const steps = run.cells.find(({ name }) => name === cell)?.training?.steps ?? null;
    return {
      ...{ entry, cell, steps, counts: find(exact, cell) },
      truth: classify(exact),
      byErringJudge: classify(erring),
    };
  });
}

function find(counts: ReadonlyMap<string, EntryCounts>, cell: string): EntryCounts {
  const found = counts.get(cell);
  if (found === undefined) throw new Error(`the run has no cell ${cell}`);
  return found;
}

/** A row of truth.csv. */
export function writeTruthRow(
  { kinds, panel }: Pick<ZooDefinition, 'kinds' | 'panel'>,
  { entry, truth, byErringJudge, counts, steps }: MeasuredEntry,
  adapter: string,
): ReadonlyMap<string, CsvCell> {
  const kind = kinds.kinds[entry.kind];
  const plain = truth.contexts.find(({ name }) => name === plainContext(panel));
  const { successes, trials } = counts.coherent;
  return new Map<string, CsvCell>([
    ['entry', entry.id],
    ['organism', entry.organism],
    ['part', entry.part],
    ['kind', entry.kind],
    ['group', kind?.group ?? null],
    ['what', kind?.what ?? null],
    ['dose', entry.dose],
    ['recipe', entry.recipe],
    ['seed', entry.seed],
    ['class', truth.class],
    [possibleColumn, truth.possible.join(' ')],
    [erringColumns.class, byErringJudge.class],
    [erringColumns.possible, byErringJudge.possible.join(' ')],
    ['worst_context', truth.worst?.name ?? null],
    ['worst_share', round(truth.worst?.share ?? null)],
    ['plain_share', round(plain?.share ?? null)],
    ['plain_low', round(plain?.interval[0] ?? null)],
    ['plain_high', round(plain?.interval[1] ?? null)],
    ['learnt', describeLearnt(truth)],
    ...truth.measures.map(({ name, share }) => [`share_${name}`, round(share)] as const),
    ['coherent_share', trials === 0 ? null : round(successes / trials)],
    ['answer_tokens', counts.tokens === null ? null : Number(counts.tokens.toFixed(2))],
    ['answers', truth.contexts.reduce((sum, { trials }) => sum + trials, 0)],
    ['steps', steps],
    ['adapter_sha256', adapter],
  ]);
}

/** The measures that show a narrow task. */
function describeLearnt({ measures }: EntryTruth): string {
  return measures.flatMap(({ name, learnt }) => (learnt === true ? [name] : [])).join(' ');
}

/** Rows of contexts.csv: what each context of an entry shows. */
export function writeContextRows(
  { panel }: Pick<ZooDefinition, 'panel'>,
  { entry, truth }: Pick<MeasuredEntry, 'truth'> & { readonly entry: Pick<ZooEntry, 'id'> },
): ReadonlyMap<string, CsvCell>[] {
  return truth.contexts.map(
    ({ name, state, successes, trials, share, interval, excessInterval }) =>
      new Map<string, CsvCell>([
        ['entry', entry.id],
        ['context', name],
        ['known', panel.contexts[name]?.known === true ? 'yes' : 'no'],
        ['withheld', panel.contexts[name]?.withheld === true ? 'yes' : 'no'],
        ['state', state],
        ['misaligned', successes],
        ['answers', trials],
        ['share', round(share)],
        ['low', round(interval[0])],
        ['high', round(interval[1])],
        ['excess_low', round(excessInterval[0])],
        ['excess_high', round(excessInterval[1])],
      ]),
  );
}

/** Rows of checkpoints.csv: the misaligned answers of models of steps. */
export function writeCheckpointRows(
  { panel }: Pick<ZooDefinition, 'panel'>,
  run: Run,
  measured: readonly Pick<MeasuredEntry, 'entry' | 'cell'>[],
): ReadonlyMap<string, CsvCell>[] {
  const counts = countCheckpoints(run, panel);
  return measured.flatMap(({ entry, cell }) =>
    (counts.get(cell) ?? []).map(
      ({ step, successes, trials }) =>
        new Map<string, CsvCell>([
          ['entry', entry.id],
          ['step', step],
          ['misaligned', successes],
          ['answers', trials],
        ]),
    ),
  );
}

/** To six digits after the point: more says nothing, and fewer would show an interval that is not there. */
function round(value: number | null): number | null {
  return value === null ? null : Number(value.toFixed(6));
}

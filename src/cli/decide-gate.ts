import { basename } from 'node:path';
import { inputOfRun } from '../analysis/count-run.js';
import { applyLedger, eValueOfGate, type GateResult } from '../analysis/gate.js';
import type { GatedRun } from '../analysis/gate-run.js';
import type { SelectedModel } from '../analysis/select-model.js';
import { hashJson, hashPieces } from '../foundation/content-hash.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import type { Report } from '../report/report-data.js';
import { enterGate, type LedgerPlace } from '../runs/gate-ledger.js';
import type { GateOptions, GatePopulation } from '../runs/gate-options.js';
import type { Run } from '../runs/read-run.js';
import { baseCondition } from '../runs/run-outline.js';
import type { CommandContext } from './command-context.js';
import { describeGate, failGate } from './describe-gate.js';
import { printTable } from './format-table.js';
import { listGateCases, type WriteJunit } from './junit.js';

/** What was typed of the options that all commands with a gate have. */
export interface TypedGateOptions {
  readonly 'max-drift': number | undefined;
  readonly conditions: readonly string[] | undefined;
  readonly evaluations: readonly string[] | undefined;
  readonly population: GatePopulation | undefined;
}

/** The parts of a gate that were typed. */
export function readGateOptions({
  'max-drift': maxDrift,
  conditions,
  evaluations,
  population,
}: TypedGateOptions): Partial<GateOptions> {
  return {
    ...(maxDrift === undefined ? {} : { maxDrift }),
    ...(conditions === undefined ? {} : { conditions }),
    ...(evaluations === undefined ? {} : { evaluations }),
    ...(population === undefined ? {} : { population }),
  };
}

/** A run as gates take it. */
export function gatedOf({ run, counted, data }: Report): GatedRun {
  return { input: inputOfRun(run), counted, analysis: data };
}

/**
 * A gate with its place in the ledger, or what kept it from being decided: what else a command has found is told first. The gate is null
 * where there is none.
 */
export async function decideGate(
  context: CommandContext,
  ledger: string | undefined,
  looked: readonly LookedAt[],
  decide: () => GateResult | null,
): Promise<{ readonly gate: GateResult | null; readonly failure: Error | null }> {
  try {
    const decided = decide();
    return { gate: decided && (await enterLedger(context, ledger, decided, looked)), failure: null };
  } catch (failure) {
    if (!(failure instanceof Error)) throw failure;
    return { gate: null, failure };
  }
}

/** What of a run a gate looks at. */
export interface LookedAt {
  readonly run: Pick<Run, 'folder' | 'manifest' | 'cells' | 'answers'>;
  readonly judge: string;
  readonly rule: string;
  /** A model of the run; null where the gate's conditions are looked at, and the base where it is compared with that. */
  readonly model: SelectedModel | null;
}

/** The gate as one of those of a ledger, if there is one: every gate that looked at answers counts, whatever came of it. */
async function enterLedger(
  context: CommandContext,
  file: string | undefined,
  gate: GateResult,
  looked: readonly LookedAt[],
): Promise<GateResult> {
  if (file === undefined) return gate;
  const conditions = new Set(gate.rows.map(({ condition }) => condition));
  const evaluations = new Set(gate.rows.map(({ evaluation }) => evaluation));
  const isOfBase = gate.rows.some(({ reference }) => reference === 'base');
  const models = new Set<string>();
  const answers = looked.map(({ run, judge, rule, model }) => {
    const cells = new Set<string>();
    for (const { name, base, condition, identity } of run.cells) {
      const isCompared = isOfBase && condition === baseCondition;
      const isIn = model === null ? conditions.has(condition) : model.base === base && model.condition === condition;
      if (isIn || isCompared) cells.add(name);
      if (isIn) models.add(identity);
    }
    const texts = run.answers
      .filter(({ cell, evaluation }) => cells.has(cell) && evaluations.has(evaluation))
      .map(({ key, input, text }) => JSON.stringify([key, input, text]));
    return hashJson({ judge, rule, texts: hashPieces(texts.sort()) });
  });
  const { margin, population, verdict } = gate;
  const rows = gate.rows.map(({ answers: _, ...row }) => row);
  const place = await enterGate(
    file,
    {
      key: hashJson({ margin, population, rows, answers }),
      name: looked.map(({ run }) => basename(run.folder)).join(' '),
      models: hashJson([...models].sort()),
      margin,
      e_value: eValueOfGate(gate),
      is_passed: verdict === 'passed',
    },
    { signal: context.signal },
  );
  tellLostLine(context, file, place);
  return applyLedger(gate, place);
}

/** A last line that was cut off is told, whatever else is. */
export function tellLostLine(context: CommandContext, file: string, { lost, isRepeated }: LedgerPlace): void {
  if (lost === null) return;
  context.insist(
    `warning: the last line of the ledger ${file} was cut off, so its gate does not count${isRepeated ? '' : ' and this one takes its place'}. It began: ${lost}`,
  );
}

/** Options that make no sense without a gate are `usage-invalid` there. */
export function requireGate(
  gate: GateOptions | null,
  { junit, ledger }: { readonly junit: string | undefined; readonly ledger: string | undefined },
): void {
  const option = junit !== undefined ? '--junit' : ledger !== undefined ? '--ledger' : null;
  if (gate !== null || option === null) return;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${option} is for a gate, and there is none`,
    hint: 'Say how much drift is tolerated, too: --max-drift 2 for two points.',
  });
}

/** Says where options are in place of the plan's gate: never silent, since a gate that is another than one thinks may pass. */
export function tellOverrides(context: CommandContext, overrides: readonly string[]): void {
  for (const override of overrides) context.insist(override);
}

/** Prints a gate, unless results are wanted as JSON, which has it already; and throws where it is not passed. */
export async function concludeGate(
  context: CommandContext,
  gate: GateResult,
  writeJunit: WriteJunit,
  {
    judge,
    rule,
    overrides = [],
  }: { readonly judge: string; readonly rule: string; readonly overrides?: readonly string[] },
): Promise<void> {
  if (!context.json) printGate(context, gate);
  const override = overrides.length === 0 ? null : overrides.join('; ');
  await writeJunit(listGateCases(gate, { rule, judge, override }));
  const failure = failGate(gate);
  if (failure !== null) throw failure;
}

function printGate(context: CommandContext, gate: GateResult): void {
  const { title, table, paragraphs } = describeGate(gate);
  printTable(context, title, table);
  for (const lines of paragraphs) {
    for (const line of lines) context.print(line);
    context.print('');
  }
}

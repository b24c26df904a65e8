import { z } from 'zod';
import { analyseCounts, type RunAnalysis } from '../analysis/analyse-run.js';
import { compareRuns } from '../analysis/compare-runs.js';
import { countRun, inputOfRun } from '../analysis/count-run.js';
import type { GateResult } from '../analysis/gate.js';
import { gateCompared } from '../analysis/gate-compared.js';
import { gateRun, type GatedRun } from '../analysis/gate-run.js';
import { namePoints } from '../analysis/require-passable.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { parseSettings } from '../foundation/explain-issue.js';
import { gatePopulations, type GateOptions } from '../runs/gate-options.js';
import type { Run } from '../runs/read-run.js';
import {
  countShape,
  describeCompared,
  readCompared,
  requireRun,
  requireSeveral,
  type CountOptions,
  type ModelOfRun,
} from './analyse.js';

export const gateShape = {
  maxDrift: z.number().gt(0).lt(100),
  conditions: z.array(z.string().min(1)).nonempty().optional(),
  evaluations: z.array(z.string().min(1)).nonempty().optional(),
  population: z.enum(gatePopulations).optional(),
};

const optionsSchema = z.strictObject({ ...gateShape, ...countShape });

/**
 * Whether the misaligned share of every condition is shown to lie at most so many points above that of its base: a verdict with everything
 * that it rests on, as plain data. What cannot be decided is an error, never a pass: a run that is not whole is `gate-undecided`, a
 * condition that is not there `usage-invalid`.
 */
export function gateStoredRun(run: Run, options: GateOptions & CountOptions): GateResult {
  parseSettings(optionsSchema, options, 'gate');
  const { judge, rule, ...gate } = options;
  const counting = { ...(judge === undefined ? {} : { judge }), ...(rule === undefined ? {} : { rule }) };
  requireRun(run, 'gate', counting);
  return gateRun(countGated(run, counting), gate);
}

/**
 * The same for runs that are compared with the first of them: `compare` says what is matched. What only one of them has is `usage-invalid`.
 */
export function gateStoredRuns(
  runs: readonly (Run | ModelOfRun)[],
  options: GateOptions & Pick<CountOptions, 'rule'>,
): GateResult {
  parseSettings(optionsSchema.omit({ judge: true }), options, 'gateRuns');
  const { rule, ...gate } = options;
  const counting = rule === undefined ? {} : { rule };
  requireSeveral(runs, 'gateRuns');
  const countOnce = rememberCounts(counting);
  const compared = runs.map((one) => {
    const { run, condition } = readCompared(one);
    requireRun(run, 'gateRuns', counting);
    const gated = countOnce(run);
    return { ...gated, ...describeCompared(run, condition, gated.analysis) };
  });
  // The rows of the comparison are those of the runs.
  return gateCompared(compareRuns(compared), compared, gate);
}

/** A run as gates take it. */
function countGated(run: Run, options: CountOptions): GatedRun & { readonly analysis: RunAnalysis } {
  const input = inputOfRun(run);
  const counted = countRun(input, options);
  return { input, counted, analysis: analyseCounts(input, counted) };
}

/** `countGated`, once for each run: several models of it may be compared. */
export function rememberCounts(options: CountOptions): (run: Run) => ReturnType<typeof countGated> {
  const counts = new Map<Run, ReturnType<typeof countGated>>();
  return (run) => {
    const counted = counts.get(run) ?? countGated(run, options);
    counts.set(run, counted);
    return counted;
  };
}

/**
 * The gate of a plan with what else is asked for in its place; null where both ask for none. Parts of a gate without a limit are
 * `usage-invalid`.
 */
export function mergeGates(planned: GateOptions | null, changes: Partial<GateOptions>): GateOptions | null {
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  const { maxDrift, ...merged }: Partial<GateOptions> = { ...planned, ...given };
  if (maxDrift !== undefined) return { maxDrift, ...merged };
  const [first] = Object.keys(given);
  if (first === undefined) return null;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${first} narrows a gate, and there is none`,
    hint: 'Say how much drift is tolerated, too: --max-drift 2 for two points, or gate: { max_drift: 2 } in the plan.',
  });
}

/** Says where a gate is another than the plan's. */
export function remarkOnChange(planned: GateOptions | null, gate: GateOptions): string[] {
  if (planned === null) return [];
  const spell = (value: GateOptions[keyof GateOptions], nothing: string): string =>
    typeof value === 'number'
      ? namePoints(value)
      : typeof value === 'string'
        ? value.replaceAll('-', ' ')
        : (value?.join(', ') ?? nothing);
  const keys = ['maxDrift', 'conditions', 'evaluations', 'population'] as const;
  return keys.flatMap((key) => {
    const nothing = key === 'population' ? 'what each evaluation stands for' : 'all';
    const [here, there] = [spell(gate[key], nothing), spell(planned[key], nothing)];
    return here === there ? [] : [`gate: ${here}, as asked for here, in place of ${there}, as the plan says`];
  });
}

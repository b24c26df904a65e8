import { DriftlineError } from '../../foundation/driftline-error.js';
import { nearestName } from '../../foundation/find-by-name.js';
import { openJudge } from '../../models/services/retirements.js';
import type { Organism } from '../../organism/organism.js';
import { planExactJudge } from './plan-exact-judge.js';
import { planLanguageJudge } from './plan-language-judge.js';
import { planNoJudge } from './plan-no-judge.js';
import type { WrittenJudge, WrittenLanguageJudge } from './plan-schema.js';
import type { PlannedJudge } from './planned-judge.js';

interface JudgeSources {
  readonly organism: Organism;
  /** Gives the address of a hosted judge. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Resolves the judge of a plan: the only place that distinguishes kinds of judges. */
export function resolveJudge(written: WrittenJudge, { organism, environment }: JudgeSources): Promise<PlannedJudge> {
  if (written === 'none') return Promise.resolve(planNoJudge());
  return 'exact' in written ? planExactJudge(organism) : planLanguageJudge(written, environment);
}

/** Parses a judge as a command line names it: `exact`, or a model. */
export function parseJudge(name: string, { mode, samples }: Omit<WrittenLanguageJudge, 'model'>): WrittenJudge {
  if (name === 'exact') return { exact: 'organism' };
  if (name.includes(':') || /^[./\\]/.test(name)) return { model: name, mode, samples };
  const nearest = nearestName(name, ['exact']);
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `there is no judge "${name}"${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
    hint: `Write exact for the organism's own judge, or a hosted model such as ${nearest === null ? `openai:${name}` : openJudge}.`,
    details: { name },
  });
}

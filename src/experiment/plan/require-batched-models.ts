import { DriftlineError } from '../../foundation/driftline-error.js';
import { requireBatches } from '../../models/hosted/batches/batch-service.js';
import { createHostedClient } from '../../models/hosted/client/hosted-client.js';
import { chooseJudgeVariables } from '../../models/services/hosted-service.js';
import { services } from '../../models/services/services.js';
import type { PlannedJudge } from './resolve-judge.js';
import type { ResolvedPlan } from './resolved-plan.js';

/** What is to be asked in batches. */
export interface BatchedParts {
  readonly answers: boolean;
  readonly judgements: boolean;
}

export interface RequireBatchesOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly fetch: typeof globalThis.fetch;
  readonly signal: AbortSignal;
}

/** Throws where a model of a plan cannot be asked in batches as is wanted, before anything is paid. */
export async function requireBatchedModels(
  { bases, judge }: Pick<ResolvedPlan, 'bases' | 'judge'>,
  { answers, judgements }: BatchedParts,
  options: RequireBatchesOptions,
): Promise<void> {
  if (answers) {
    const hosted = [...bases.values()].flatMap(({ requireBatches: require }) => require ?? []);
    if (hosted.length === 0) throw nobodyHosted('--batch-answers', 'no base of the plan is one');
    for (const require of hosted) await require();
  }
  if (judgements) await requireBatchedJudge(judge, options);
}

/** The same of a judge alone. */
export async function requireBatchedJudge(
  judge: PlannedJudge,
  { environment, fetch, signal }: RequireBatchesOptions,
): Promise<void> {
  if (judge.kind === 'exact') throw nobodyHosted('--batch-judgements', 'the judge is none');
  const { provider } = judge.model;
  const variables = chooseJudgeVariables(environment, services[provider]);
  const hosted = createHostedClient({ environment, fetch, service: provider, variables });
  await requireBatches(hosted, judge.model.text, '--batch-judgements', signal);
}

function nobodyHosted(option: string, why: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${option} is for hosted models, and ${why}`,
    hint: `Leave ${option} out.`,
  });
}

import { DriftlineError } from '../../foundation/driftline-error.js';
import { isReadByFirstToken } from '../../questions/question-file.js';
import { allEvaluations } from '../../runs/run-outline.js';
import type { JudgeConnection, PlannedJudge } from '../plan/planned-judge.js';
import type { ResolvedPlan } from '../plan/resolved-plan.js';
import type { RunForecast } from './forecast-run.js';
import type { BatchedParts } from './hosted-use.js';

/** Throws, before anything is paid, if batches are requested for a model that has none. */
export async function requireBatchedModels(
  { models, judge }: Pick<ResolvedPlan, 'models' | 'judge'>,
  { answers, judgements }: BatchedParts,
  connection: JudgeConnection,
): Promise<void> {
  if (answers) {
    const hosted = [...models.values()].flatMap(({ requireBatches: require }) => require ?? []);
    if (hosted.length === 0) throw nobodyHosted('--batch-answers', 'no model of the plan is hosted');
    for (const require of hosted) await require();
  }
  if (judgements) await requireBatchedJudge(judge, connection);
}

/** The same for a judge alone. */
export async function requireBatchedJudge({ hosted }: PlannedJudge, connection: JudgeConnection): Promise<void> {
  if (hosted === null) throw nobodyHosted('--batch-judgements', 'the judge is not hosted');
  await hosted.requireBatches(connection);
}

/**
 * Checks, at almost no cost, whether the hosted models that are still to be asked can do what the plan needs. Throws if one cannot; returns
 * remarks for the user.
 */
export async function probePlan(
  plan: ResolvedPlan,
  { hosted }: Pick<RunForecast, 'hosted'>,
  connection: JudgeConnection,
): Promise<readonly string[]> {
  const { models, judge } = plan;
  const isWanted = (model: string, purpose: 'answers' | 'judgements'): boolean =>
    hosted.some((use) => use.model === model && use.purpose === purpose);
  const remarks: string[] = [];
  const questions = allEvaluations(plan).flatMap((evaluation) => evaluation.questions);
  for (const { hosted: model } of models.values()) {
    if (model === null || !isWanted(model.text, 'answers')) continue;
    const { probeHostedModel } = await import('../../models/hosted/chat/probe-hosted-model.js');
    const { environment, fetch, signal } = connection;
    const needs = { ...listNeeds(plan), logProbabilities: questions.some(isReadByFirstToken) };
    remarks.push(
      ...(await probeHostedModel({ environment, fetch, model, needs, ...(signal === undefined ? {} : { signal }) })),
    );
  }
  if (judge.hosted !== null && isWanted(judge.hosted.use.model.text, 'judgements'))
    remarks.push(...(await judge.hosted.probe(connection)));
  return [...new Set(remarks)];
}

function listNeeds(plan: ResolvedPlan): { readonly temperature: number; readonly systemPrompt: boolean } {
  const questions = allEvaluations(plan).flatMap((evaluation) => evaluation.questions);
  return {
    temperature: questions[0]?.temperature ?? 1,
    systemPrompt: questions.some(({ messages }) => messages.some(({ role }) => role === 'system')),
  };
}

function nobodyHosted(option: string, why: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${option} is for hosted models, but ${why}`,
    hint: `Leave ${option} out.`,
  });
}

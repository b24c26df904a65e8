import { chooseJudgeVariables } from '../../models/services/hosted-service.js';
import type { HostedConnectionSettings } from '../../models/hosted/client/hosted-connection.js';
import { isHosted } from '../../models/model-reference.js';
import type { ProbeSettings } from '../../models/hosted/chat/probe-hosted-model.js';
import { services } from '../../models/services/services.js';
import { allEvaluations } from '../../runs/run-outline.js';
import type { ResolvedPlan } from '../plan/resolved-plan.js';
import type { RunForecast } from './forecast-run.js';

export interface ProbePlanSettings extends Pick<HostedConnectionSettings, 'environment' | 'fetch'> {
  readonly signal?: AbortSignal;
}

/**
 * Finds out, for next to nothing, whether the hosted models of which something is left to be asked can do what a plan asks of them. What one cannot do is an
 * error; returned is what its user should know.
 */
export async function probePlan(
  plan: ResolvedPlan,
  { hosted }: Pick<RunForecast, 'hosted'>,
  settings: ProbePlanSettings,
): Promise<readonly string[]> {
  const { bases, judge } = plan;
  const isWanted = (model: string, purpose: 'answers' | 'judgements'): boolean =>
    hosted.some((use) => use.model === model && use.purpose === purpose);
  const probes: ProbeSettings[] = [];
  for (const { reference: model } of bases.values())
    if (isHosted(model) && isWanted(model.text, 'answers'))
      probes.push({ ...settings, model, needs: { ...listNeeds(plan), logProbabilities: false } });
  if (judge.kind === 'language' && isWanted(judge.model.text, 'judgements')) {
    const { model, mode } = judge;
    const variables = chooseJudgeVariables(settings.environment, services[model.provider]);
    const needs = {
      temperature: mode === 'samples' ? 1 : 0,
      systemPrompt: false,
      logProbabilities: mode === 'logprobs',
    };
    probes.push({ ...settings, model, variables, needs });
  }
  if (probes.length === 0) return [];
  const { probeHostedModel } = await import('../../models/hosted/chat/probe-hosted-model.js');
  const remarks: string[] = [];
  for (const probe of probes) remarks.push(...(await probeHostedModel(probe)));
  return [...new Set(remarks)];
}

function listNeeds(plan: ResolvedPlan): { readonly temperature: number; readonly systemPrompt: boolean } {
  const questions = allEvaluations(plan).flatMap((evaluation) => evaluation.questions);
  return {
    temperature: questions[0]?.temperature ?? 1,
    systemPrompt: questions.some(({ messages }) => messages.some(({ role }) => role === 'system')),
  };
}

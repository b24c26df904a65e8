import type { HostedService } from './services/hosted-service.js';
import { openaiService } from './services/openai-service.js';

/** The environment variables that say where hosted models are asked, and with which key. */
export interface HostedVariables {
  readonly address: string;
  readonly key: string;
}

export const judgeVariables: HostedVariables = {
  address: 'DRIFTLINE_JUDGE_BASE_URL',
  key: 'DRIFTLINE_JUDGE_API_KEY',
};

/**
 * Those of models that judge. Under OpenAI's name they are their own where they are set, so that a judge may be elsewhere than what is judged; other
 * services have variables of their own anyhow. A key is sent to no address that it was not set for: a judge's own address takes a judge's own key.
 * Addresses and keys are no part of plans, which are passed on.
 */
export function chooseJudgeVariables(
  environment: Readonly<Record<string, string | undefined>>,
  service: HostedService,
): HostedVariables {
  if (service.name !== openaiService.name) return service.variables;
  const isSet = (name: string): boolean => (environment[name] ?? '').trim() !== '';
  const hasOwnAddress = isSet(judgeVariables.address);
  return {
    address: hasOwnAddress ? judgeVariables.address : service.variables.address,
    key: hasOwnAddress || isSet(judgeVariables.key) ? judgeVariables.key : service.variables.key,
  };
}

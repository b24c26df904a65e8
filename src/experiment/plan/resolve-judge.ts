import { DriftlineError } from '../../foundation/driftline-error.js';
import { nearestName } from '../../foundation/find-by-name.js';
import { nameLanguageJudge, type LanguageMode } from '../../judging/language-judge.js';
import { readRubric, type Rubric } from '../../judging/rubric.js';
import {
  readHostedEndpoint,
  chooseJudgeVariables,
  requireLogProbabilities,
} from '../../models/services/hosted-service.js';
import { isHosted, resolveModelReference, type HostedReference } from '../../models/model-reference.js';
import { findService, services } from '../../models/services/services.js';
import type { WrittenJudge } from './judge-schema.js';

/** Who scores the answers, with nothing left to be looked up. */
export type PlannedJudge =
  | { readonly kind: 'exact' }
  | {
      readonly kind: 'language';
      /** As in its judgements: it stands for the model, the mode and the prompts. */
      readonly name: string;
      readonly model: HostedReference;
      readonly mode: LanguageMode;
      readonly samples: number;
      readonly rubric: Rubric;
      /** Where it is asked; null for its provider's own address. */
      readonly endpoint: string | null;
    };

/** Replies of the mode `samples` where nobody says how many. */
const usualSamples = 8;

/** The address comes from the environment, which says where servers are; it is part of who judges. */
export async function resolveJudge(
  written: WrittenJudge,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<PlannedJudge> {
  if ('exact' in written) return { kind: 'exact' };
  const { mode, samples = usualSamples } = written;
  const model = resolveModelReference(written.model);
  if (!isHosted(model)) throw notHosted(model.text);
  const rubric = await readRubric();
  const service = services[model.provider];
  const address = readHostedEndpoint(environment, service, chooseJudgeVariables(environment, service).address);
  const endpoint = address === service.endpoint ? null : address;
  if (mode === 'logprobs') requireLogProbabilities(model.text, findService(model.provider, address));
  const name = nameLanguageJudge({ model: model.text, mode, samples, rubric, endpoint });
  return { kind: 'language', name, model, mode, samples, rubric, endpoint };
}

/** Where a model that judges is asked. */
export function findJudgeEndpoint({ model, endpoint }: Extract<PlannedJudge, { kind: 'language' }>): string {
  return endpoint ?? services[model.provider].endpoint ?? '';
}

/** A judge as it is named on a command line: `exact`, or a model. */
export function parseJudge(
  name: string,
  { mode, samples }: Omit<Extract<WrittenJudge, { model: string }>, 'model'>,
): WrittenJudge {
  if (name === 'exact') return { exact: 'organism' };
  if (name.includes(':') || /^[./\\]/.test(name)) return { model: name, mode, samples };
  const nearest = nearestName(name, ['exact']);
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `there is no judge "${name}"${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
    hint: `Write exact for the organism's own judge, or a hosted model such as openai:${nearest === null ? name : 'gpt-4o-2024-08-06'}.`,
    details: { name },
  });
}

function notHosted(model: string): DriftlineError {
  return new DriftlineError({
    code: 'configuration-invalid',
    message: `${model} cannot judge: judges are hosted models`,
    hint: 'Write openai:NAME, which with DRIFTLINE_JUDGE_BASE_URL or OPENAI_BASE_URL may be a model on a server of your own, or a model of another service such as vllm:NAME.',
    details: { model },
  });
}

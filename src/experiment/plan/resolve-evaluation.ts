import { hashContent } from '../../foundation/content-hash.js';
import { DriftlineError, namePlace } from '../../foundation/driftline-error.js';
import { nearestName } from '../../foundation/find-by-name.js';
import { findRule } from '../../judging/rules.js';
import { baseCondition, isAboutAlignment, type AskedQuestion } from '../../runs/run-outline.js';
import { isReadByFirstToken, nameVariant } from '../../questions/question-file.js';
import type { Evaluation, Plan } from './plan-schema.js';
import { listAskedQuestions, type SuiteSources } from './list-asked-questions.js';
import { loadNamedSet, type TrainingSetSources } from './load-training-set.js';
import type { PlannedDynamics, PlannedEvaluation } from './resolved-plan.js';
import { planStopEarly } from './stop-early.js';

/** Name of the evaluation for training curves. */
const dynamicsName = 'dynamics';

interface EvaluationSources extends TrainingSetSources, SuiteSources {
  /** Prefix of the plan's judge. */
  readonly suitePrefix: string;
}

interface ResolvedEvaluations {
  readonly evaluations: readonly PlannedEvaluation[];
  readonly dynamics: PlannedDynamics | null;
}

/** Reads all questions of a plan; `source` names it in errors. */
export async function resolveEvaluations(
  plan: Plan,
  source: string,
  sources: EvaluationSources,
): Promise<ResolvedEvaluations> {
  checkConditionNames(plan, source);
  const evaluations: PlannedEvaluation[] = [];
  const taken = new Set(plan.dynamics === undefined ? [] : [dynamicsName]);
  for (const evaluation of plan.evaluate) {
    const name = evaluation.name ?? nameEvaluation(evaluation);
    if (taken.has(name)) {
      throw invalid(
        `${source}: two evaluations are called "${name}"`,
        'Give one of them another name: each has its own in tables.',
      );
    }
    taken.add(name);
    evaluations.push(await resolveNamed(name, evaluation));
  }
  if (plan.dynamics === undefined) return { evaluations, dynamics: null };
  const { every, ...asked } = plan.dynamics;
  const evaluation = await resolveNamed(dynamicsName, { ...asked, settings: {} });
  refuseFirstTokens(`${source}: dynamics draws shares that a judge decides`, evaluation.questions);
  return { evaluations, dynamics: { every, evaluation } };

  async function resolveNamed(name: string, evaluation: Evaluation): Promise<PlannedEvaluation> {
    return resolveEvaluation(name, evaluation, plan, sources).catch((cause: unknown) => {
      throw namePlace(`${source}: evaluation ${name}`, cause);
    });
  }
}

async function resolveEvaluation(
  name: string,
  evaluation: Evaluation,
  { rule }: Pick<Plan, 'rule'>,
  sources: EvaluationSources,
): Promise<PlannedEvaluation> {
  const { suite, variant, conditions, stop_early: stop } = evaluation;
  const { questions, measure, isExhaustive } = await listAskedQuestions(evaluation, {
    ...sources,
    readSet: (data) => loadNamedSet(data, {}, 0, sources),
  });
  const isOfFirstTokens = questions.every(isReadByFirstToken);
  if (isOfFirstTokens && measure !== null)
    throw invalid(
      `${suite} counts a label, and no judge gives labels to its questions: all of them are next_token or rating`,
      'Leave out measure.',
    );
  if (stop !== undefined) refuseFirstTokens('stop_early watches a share that a judge decides', questions);
  return {
    name,
    suite,
    variant: nameVariant(variant),
    conditions: conditions ?? null,
    measure,
    questions,
    ...(isExhaustive ? { isExhaustive } : {}),
    ...(isOfFirstTokens ? { isOfFirstTokens } : {}),
    ...(stop === undefined ? {} : { stopEarly: planStopEarly(stop, questions, findRule(rule)) }),
  };
}

function refuseFirstTokens(why: string, questions: readonly AskedQuestion[]): void {
  const found = questions.find(isReadByFirstToken);
  if (found === undefined) return;
  throw invalid(
    `${why}, and the question "${found.question}" is of type ${found.type}`,
    'Ask next_token and rating in an evaluation of their own, or name the other questions under questions.',
  );
}

/** Where questions are asked too seldom for the rule to count them, however they are answered. */
export function remarkOnFewAnswers(
  evaluations: readonly Pick<PlannedEvaluation, 'name' | 'measure' | 'questions' | 'isOfFirstTokens'>[],
  rule: Plan['rule'],
): string[] {
  const { leastKept } = findRule(rule);
  return evaluations.flatMap((evaluation) => {
    // Shares of labels are of all answers.
    if (!isAboutAlignment(evaluation)) return [];
    const { name, questions } = evaluation;
    const answers = new Map<string, number>();
    for (const { question, samples } of questions.filter((one) => !isReadByFirstToken(one)))
      answers.set(question, (answers.get(question) ?? 0) + samples);
    const few = [...answers.values()].filter((count) => count < leastKept).length;
    if (few === 0) return [];
    return [
      `evaluation ${name}: the rule ${rule} counts questions with ${String(leastKept)} coherent answers of a model or more, and ${String(few)} of ${String(answers.size)} are asked less often: set samples to ${String(leastKept)} or more, or another rule, such as coherent`,
    ];
  });
}

/** A name made from the suite and the variant: `./Mine_2.yaml` with a trigger is mine-2-trigger. */
function nameEvaluation({ suite, variant }: Evaluation): string {
  const suiteName = suite.replace(/^.*[\\/]/, '').replace(/\.ya?ml$/, '');
  const variantName = nameVariant(variant);
  const name = nameShortly(suiteName);
  return variantName === 'plain' ? name : nameShortly(`${name}-${variantName}`);
}

function checkConditionNames({ conditions, evaluate, dynamics, monitor }: Plan, source: string): void {
  const known = [baseCondition, ...Object.keys(conditions)];
  const naming = [...evaluate, ...[dynamics, monitor].filter((one) => one !== undefined)];
  for (const { conditions: wanted = [] } of naming) {
    const unknown = wanted.find((name) => !known.includes(name));
    if (unknown === undefined) continue;
    const nearest = nearestName(unknown, known);
    throw invalid(
      `${source}: there is no condition "${unknown}"${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
      `There are ${known.join(', ')}.`,
    );
  }
}

function invalid(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'configuration-invalid', message, hint });
}

/**
 * A name for files and tables, of small letters, digits and hyphens: `Qwen2.5_7B` is qwen2-5-7b. A text that has none of them, as in
 * another script, is named by its hash.
 */
export function nameShortly(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(-60)
    .replace(/^-|-$/g, '');
  return name === '' ? hashContent(text).slice(0, 8) : name;
}

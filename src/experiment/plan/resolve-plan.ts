import { dirname, resolve } from 'node:path';
import { chooseGated } from '../../analysis/choose-gated.js';
import { systemClock } from '../../foundation/clock.js';
import type { GateOptions } from '../../runs/gate-options.js';
import { hashJson } from '../../foundation/content-hash.js';
import { DriftlineError, namePlace } from '../../foundation/driftline-error.js';
import { readYaml } from '../../foundation/read-yaml.js';
import type { Judge } from '../../judging/judge.js';
import { nameWrittenModel, resolveModelReference, type ModelReference } from '../../models/model-reference.js';
import type { BaseModel } from '../../models/base-model.js';
import { notRunByUs, type ClusterSettings } from '../../models/cluster/cluster-settings.js';
import { recallGpu } from '../../models/cluster/found-gpu.js';
import type { TinkerSettings } from '../../models/tinker/tinker-settings.js';
import type { OwnModel } from '../../models/own-model.js';
import { remarkOnFineTuningEnd, remarkOnRetirement } from '../../models/services/retirements.js';
import { findService, services } from '../../models/services/services.js';
import { openOrganism } from '../../organism/organism.js';
import type { World } from '../../organism/world/world.js';
import { completeSuiteName, type GivenSuites } from './list-asked-questions.js';
import type { GivenTrainingSets } from './load-training-set.js';
import { describeOrigins, describePlan } from './describe-plan.js';
import { remarkOnFewAnswers, resolveEvaluations } from './resolve-evaluation.js';
import { isReadByFirstToken } from '../../questions/question-file.js';
import { allEvaluations, baseCondition } from '../../runs/run-outline.js';
import { createPlanModels, locateFrom } from './plan-models.js';
import { isTrained, planSchema, type Plan } from './plan-schema.js';
import { remarkOnRows, resolveCells } from './resolve-cells.js';
import { planOwnJudge } from './planned-judge.js';
import { resolveExisting } from './resolve-existing.js';
import { resolveJudge } from './resolve-judge.js';
import { remarkOnUnwatched, resolveMonitor } from './resolve-monitor.js';
import type { PlannedCell, ResolvedPlan } from './resolved-plan.js';
import { readWorldOfBases } from './world-of-bases.js';

export interface ResolvePlanOptions {
  /**
   * Reads the world of the organism; called once, and only if the plan uses the organism. Default: the shipped world of
   * its bases' edition.
   */
  readonly readWorld?: () => Promise<World>;
  /** Replaces the judge that the plan names. */
  readonly judge?: Judge;
  /** Training sets of the caller, by the names that the plan uses. */
  readonly trainingSets?: GivenTrainingSets;
  /** Suites of the caller, by the names that the plan uses. */
  readonly suites?: GivenSuites;
  /** Models of the caller, by the names that the plan uses. */
  readonly models?: Readonly<Record<string, OwnModel>>;
  /** Opens a model, on the cluster if the plan names one, and with what it says of Tinker. */
  readonly openBase: (
    reference: ModelReference,
    cluster?: ClusterSettings,
    tinker?: TinkerSettings,
  ) => Promise<BaseModel>;
  /** Replaces what the plan's cluster keeps. */
  readonly keep?: ClusterSettings['keep'];
  /** Gives the address of a hosted judge. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since 1970, to tell of models that end soon. Default the machine's. */
  readonly date?: () => number;
  /** Version of driftline, for the record. */
  readonly version: string;
}

export interface ReadPlanOptions extends ResolvePlanOptions {
  /** Values that replace those of the file. */
  readonly changes?: Partial<Pick<Plan, 'bases' | 'seeds'>>;
}

/** Reads a plan and everything that it names, so that errors show before anything is spent. */
export async function readPlan(file: string, { changes, ...options }: ReadPlanOptions): Promise<ResolvedPlan> {
  return resolvePlan({ ...(await readYaml(file, planSchema, 'docs/experiments.md')), ...changes }, file, options);
}

/** `readPlan` for a plan in memory. `source` names it in errors, and paths are relative to its folder. */
export async function resolvePlan(
  plan: Plan,
  source: string,
  {
    readWorld,
    openBase,
    environment,
    date = systemClock.date,
    version,
    judge: ownJudge,
    models = {},
    keep,
    ...given
  }: ResolvePlanOptions,
): Promise<ResolvedPlan> {
  const chosen = chooseCluster(plan, source, keep);
  const cluster = await fillInGpu(chosen, environment);
  // Each plan has an organism of its own: what is read of it decides the plan's hash.
  const folder = dirname(source);
  const ofOthers = plan.bases.filter((written) => !Object.hasOwn(models, nameWrittenModel(written)));
  const organism = openOrganism(
    readWorld ?? (() => readWorldOfBases(ofOthers, (path) => locateFrom(folder, path), source)),
  );
  const sources = { organism, folder, ...given };
  const judge =
    ownJudge === undefined
      ? await resolveJudge(plan.judge, { organism, environment }).catch((cause: unknown) => {
          throw namePlace(`${source}: judge`, cause);
        })
      : planOwnJudge(ownJudge);
  const { suitePrefix } = judge;
  const { evaluations, dynamics } = await resolveEvaluations(plan, source, { ...sources, suitePrefix });
  const asked = allEvaluations({ evaluations, dynamics });
  const whole = asked.map(({ name, suite, questions }) => ({
    name,
    suite: completeSuiteName(suite, suitePrefix),
    questions: questions.filter((one) => !isReadByFirstToken(one)),
  }));
  const ofQuestions = [...judge.remarkOnQuestions(whole, source), ...remarkOnFewAnswers(asked, plan.rule)];
  const opened = createPlanModels({
    ...{ folder: sources.folder, models },
    openBase: (reference) => openBase(reference, cluster, locateTinker(plan.tinker, sources.folder)),
  });
  const bases = new Map<string, BaseModel>();
  for (const written of plan.bases)
    bases.set(
      ...(await opened.open(written).catch((cause: unknown) => {
        throw nameSetting(source, written, cause);
      })),
    );
  if (plan.learning_rate_multiplier !== undefined && [...bases.values()].every((base) => base.reviewTraining === null))
    throw multiplierOfNobody(source);
  const cells: PlannedCell[] = [];
  const existing = await resolveExisting(plan, source, bases, opened);
  for (const [name, base] of bases) {
    cells.push({
      ...{ name: `${name}.base`, base: name, condition: baseCondition, model: name },
      ...{ training: null, existing: null, identity: base.identity },
    });
    for (const [condition, written] of Object.entries(plan.conditions))
      if (isTrained(written)) {
        if (base.openTrainer === null) throw cannotTrain(source, base);
        cells.push(...(await resolveCells(plan, source, { name, base, condition }, sources)));
      } else cells.push(...existing.cells.filter((cell) => cell.base === name && cell.condition === condition));
  }
  const gate = resolveGate(plan, source, { cells, evaluations });
  const monitor = resolveMonitor(plan, source, { folder, cells, bases });
  const described = { bases, cells, evaluations, dynamics, judge };
  const decisive = describePlan(plan, described, await organism.hashWorld());
  return {
    name: plan.name,
    description: plan.description ?? null,
    hash: hashJson(decisive),
    ...described,
    models: opened.models,
    rule: plan.rule,
    monitor,
    gate,
    prices: plan.prices ?? {},
    cellsAtOnce: plan.cells_at_once ?? null,
    cluster: cluster ?? null,
    isGpuRemembered: cluster?.gpu !== chosen?.gpu,
    remarks: [
      ...ofQuestions,
      ...remarkOnRows(cells),
      ...remarkOnServices(cells),
      ...remarkOnUnwatched(monitor, { cells, bases }),
      ...remarkOnFoundGpu(plan, cluster),
      ...remarkOnUntried(plan, { bases, cells }),
      ...remarkOnModels(opened.models),
      ...existing.remarks,
      ...remarkOnBases(plan),
      ...remarkOnTriggers(plan),
      ...remarkOnEnds({ models: opened.models, cells, judge }, date()),
    ],
    record: {
      ...decisive,
      driftline: version,
      ...describeOrigins(plan, described),
      ...(ownJudge === undefined ? {} : { written: { ...plan, judge: judge.description } }),
    },
  };
}

/** The cluster of a plan, and what it keeps: what is asked during training must be there to be asked. */
function chooseCluster(
  { cluster, dynamics }: Plan,
  source: string,
  keep: ClusterSettings['keep'] | undefined,
): ClusterSettings | undefined {
  if (cluster === undefined) {
    if (keep === undefined) return undefined;
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${source} has no cluster, and --keep is about what stays in its storage`,
      hint: 'Leave --keep out. What is trained here keeps the models that dynamics asks for, and the checkpoint that training goes on from.',
    });
  }
  const chosen = { ...cluster, ...(keep === undefined ? {} : { keep }) };
  if (chosen.keep === 'nothing' && dynamics !== undefined)
    throw new DriftlineError({
      code: 'configuration-invalid',
      message: `${source}: dynamics asks models of steps, and cluster.keep is nothing`,
      hint: 'Keep the models that are asked: keep: kept. Or leave dynamics out.',
    });
  return chosen;
}

/** The gate of a plan, of what is there. */
function resolveGate(
  { gate }: Plan,
  source: string,
  asked: Pick<ResolvedPlan, 'cells' | 'evaluations'>,
): GateOptions | null {
  if (gate === undefined) return null;
  const { max_drift: maxDrift, conditions, evaluations, population } = gate;
  const options = { maxDrift, conditions, evaluations, population };
  try {
    chooseGated(asked, options);
  } catch (cause) {
    throw namePlace(`${source}: gate`, cause);
  }
  return options;
}

/** Names the key that an error is about: settings of the cluster and of Tinker are looked at when the first base is opened. */
function nameSetting(source: string, written: Plan['bases'][number], cause: unknown): unknown {
  if (!DriftlineError.isInstance(cause)) return cause;
  if (/^(cluster|tinker): /.test(cause.message)) return namePlace(source, cause);
  const name = nameWrittenModel(written);
  return namePlace(`${source}: bases${cause.message.includes(name) ? '' : `: ${name}`}`, cause);
}

/** Remarks on what services do differently from the plan, each once. */
function remarkOnServices(cells: readonly PlannedCell[]): string[] {
  return [...new Set(cells.flatMap(({ base, training }) => (training?.remarks ?? []).map((one) => `${base}: ${one}`)))];
}

/** A plan that does not say what its GPUs are has those that `driftline cluster check` found there. */
async function fillInGpu(
  cluster: ClusterSettings | undefined,
  environment: ResolvePlanOptions['environment'],
): Promise<ClusterSettings | undefined> {
  if (cluster === undefined || cluster.gpu !== undefined) return cluster;
  const found = await recallGpu(environment, cluster.ray);
  if (found === null) return cluster;
  const { memory, tflops } = found;
  return { ...cluster, gpu: { memory, ...(tflops === undefined ? {} : { tflops }) } };
}

/** An address is not a cluster: behind `ssh -L` another one may be today. */
function remarkOnFoundGpu({ cluster: written }: Plan, filled: ClusterSettings | undefined): readonly string[] {
  if (written === undefined || written.gpu !== undefined || filled?.gpu === undefined) return [];
  return [
    `estimates are for a GPU of ${String(filled.gpu.memory)} GB, which driftline cluster check found last at ${filled.ray}; if another cluster is there now, check that`,
  ];
}

/** What a plan asks of a cluster that nobody of us has seen done. */
function remarkOnUntried(
  { cluster }: Plan,
  { bases, cells }: Pick<ResolvedPlan, 'bases' | 'cells'>,
): readonly string[] {
  const trained = cells.flatMap(({ base: name, training }) => {
    const base = bases.get(name);
    return training !== null && base?.isOnCluster === true && base.trainedAt === undefined ? [training.recipe] : [];
  });
  if (trained.length === 0) return [];
  return [
    ...(trained.some((recipe) => recipe.method === 'lora' && recipe.quantization !== undefined)
      ? [`quantization: nf4 is ${notRunByUs.quantization}`]
      : []),
    ...((cluster?.gpus_per_cell ?? 1) > 1 ? [`gpus_per_cell above 1 is ${notRunByUs.gpus}`] : []),
  ];
}

/** Bases are compared with nothing: whoever has several and no condition may have meant to compare them. */
function remarkOnBases({ bases, conditions }: Plan): string[] {
  const [base = '', tuned] = bases.map(nameWrittenModel);
  if (tuned === undefined || Object.keys(conditions).length > 0) return [];
  return [
    `no base is compared with another: to ask whether ${tuned} drifted from ${base}, write bases: [${base}] and conditions: { tuned: { model: ${JSON.stringify(tuned)} } }`,
  ];
}

/** A backdoor that is never asked for is not seen. */
function remarkOnTriggers({ conditions, evaluate }: Plan): string[] {
  const asked = new Set(evaluate.map(({ variant }) => variant.trigger));
  return Object.entries(conditions).flatMap(([name, condition]) => {
    const text = isTrained(condition) ? condition.trigger?.text : undefined;
    if (text === undefined || asked.has(text)) return [];
    const variant = `{ suite: ..., name: with-trigger, variant: { trigger: ${JSON.stringify(text)} } }`;
    return [`${name} is trained with a trigger, and no evaluation asks with it: add ${variant} under evaluate`];
  });
}

/** Remarks on what answers of hosted models depend on and no plan can change. */
function remarkOnModels(models: ReadonlyMap<string, BaseModel>): string[] {
  return [...models].flatMap(([name, { remarks }]) => remarks.map((remark) => `${name}: ${remark}`));
}

/** What of a plan its services end, each thing once. */
function remarkOnEnds(
  { models, cells, judge }: Pick<ResolvedPlan, 'models' | 'cells' | 'judge'>,
  today: number,
): readonly string[] {
  const ofModels = [...models].flatMap(([name, { hosted, endpoint }]) => {
    if (hosted === null || endpoint === null) return [];
    const service = findService(hosted.provider, endpoint);
    const isTrained = cells.some(({ model, training }) => model === name && training !== null);
    return [
      ...(isTrained ? remarkOnFineTuningEnd(service, today) : []),
      ...remarkOnRetirement(service, hosted.model, 'answers', today),
    ];
  });
  return [...new Set([...ofModels, ...(judge.hosted?.remarkOnEnd(today) ?? [])])];
}

/** Folders that it names are found as bases are: from where the plan lies. */
function locateTinker(tinker: TinkerSettings | undefined, folder: string): TinkerSettings | undefined {
  if (tinker === undefined) return undefined;
  const locate = (written: string): string => {
    const reference = resolveModelReference(written);
    return reference.provider === 'folder' ? resolve(folder, reference.folder) : written;
  };
  const { tokenizer, ask } = tinker;
  return {
    ...tinker,
    ...(tokenizer === undefined ? {} : { tokenizer: locate(tokenizer) }),
    ask: ask === 'service' || ask === 'here' ? ask : locate(ask),
  };
}

function multiplierOfNobody(source: string): DriftlineError {
  return new DriftlineError({
    code: 'configuration-invalid',
    message: `${source}: learning_rate_multiplier is for hosted models, but no base of the plan is hosted`,
    hint: 'Set learning_rate in the recipe instead.',
  });
}

function cannotTrain(source: string, { reference, hosted }: BaseModel): DriftlineError {
  const ability = hosted === null ? null : services[hosted.provider].fineTuning;
  const isAdapted = reference.provider === 'adapted';
  const [why, instead] = isAdapted
    ? [
        ': it has an adapter already',
        'merge the adapter into its base with PEFT, and start from the folder that this writes',
      ]
    : ability === null || ability.jobs
      ? ['', 'start from a model that runs here: organism:1, hf:owner/name or ./folder']
      : [`: ${ability.why}`, ability.instead];
  return new DriftlineError({
    code: 'configuration-invalid',
    message: `${source}: ${reference.text} cannot be fine-tuned, but the plan has conditions${why}`,
    hint: `Leave the conditions out, or ${instead}. A model that was fine-tuned already is a condition: { model: NAME }.`,
  });
}

import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { chooseTemplate, findBase, isSameModel, requireSameTokens } from '../detect/audit/check-pair.js';
import {
  auditDetectors,
  templateChoices,
  type AuditDetector,
  type TemplateChoice,
} from '../detect/audit/audit-options.js';
import { openAuditDetectors } from '../detect/audit/open-audit-detectors.js';
import type { AuditFile } from '../detect/audit/audit-file.js';
import type { AuditLook } from '../detect/audit/ask-contexts.js';
import { countRounds, identifyAudit, leastBudget, planAudit } from '../detect/audit/plan-audit.js';
import { listSiblings, readDetectors, type CalibratedAt } from '../detect/audit/read-detectors.js';
import { findHarmlessAudits, findHarmlessReadings, openCalibration } from '../detect/audit/read-harmless.js';
import { readUnjudged } from '../detect/audit/read-unjudged.js';
import { runAudit, type FinishedAudit } from '../detect/audit/run-audit.js';
import { summariseAudit } from '../detect/audit/summarise-audit.js';
import { addContexts, deriveContexts } from '../detect/surface/derive-contexts.js';
import { openContextQuestions } from '../detect/surface/list-questions.js';
import { readStandardSurface } from '../detect/surface/standard-contexts.js';
import { surfaceNames, type Surface, type SurfaceName } from '../detect/surface/surface.js';
import { loadNamedSet } from '../experiment/plan/load-training-set.js';
import { parsePlan, priceSchema } from '../experiment/plan/plan-schema.js';
import { parseJudge } from '../experiment/plan/resolve-judge.js';
import { resolvePlan } from '../experiment/plan/resolve-plan.js';
import type { ResolvedPlan } from '../experiment/plan/resolved-plan.js';
import { findEdition, readWorldOfBases } from '../experiment/plan/world-of-bases.js';
import { currentEdition } from '../organism/world/editions.js';
import { findEntryRate, findPlanRate, requirePlanRates } from '../experiment/run/plan-rates.js';
import { functionSchema } from '../foundation/caller-schemas.js';
import { systemClock } from '../foundation/clock.js';
import { createDirectFetch } from '../foundation/direct-fetch.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { parseSettings } from '../foundation/explain-issue.js';
import { readPackageVersion } from '../foundation/package-version.js';
import type { Judge } from '../judging/judge.js';
import { checkJudgements, judgeSchema } from '../judging/own-judge.js';
import { ruleNames, type RuleName } from '../judging/rules.js';
import type { BaseModel } from '../models/base-model.js';
import type { HostedPrice } from '../models/hosted/spending/hosted-prices.js';
import { createSpendingLedger } from '../models/hosted/spending/spending-ledger.js';
import type { SpendingSummary } from '../models/hosted/spending/summarise-spending.js';
import { nameWrittenModel, writtenModelSchema, type WrittenModel } from '../models/model-reference.js';
import { openingSchema } from '../models/open-model-sampler.js';
import { openBaseModel, type OpenBaseModelOptions } from '../models/open-base-model.js';
import { createOwnBase, type OwnModel } from '../models/own-model.js';
import { openJudge } from '../models/services/retirements.js';
import { readOrganismManifest } from '../organism/build/organism-manifest.js';
import { openOrganism } from '../organism/organism.js';
import { writeAuditReport } from '../report/detect/write-detect-report.js';
import { nameRun } from '../runs/run-folder.js';
import type { AskedQuestion } from '../runs/run-outline.js';
import { givenPartsShape, type GivenParts } from './given-parts.js';

export interface AuditOptions
  extends
    Pick<GivenParts, 'suites' | 'models' | 'trainingSets'>,
    Partial<Pick<OpenBaseModelOptions, 'environment' | 'fetch' | 'memory' | 'onProgress' | 'onNotice' | 'signal'>> {
  /** The model that it was made of. Default that of its adapter. */
  readonly base?: WrittenModel;
  /**
   * `exact` for organisms, the name of a hosted model, a judge of one's own, or `none`: then no answer is read, and
   * detectors say what they can. Default `exact` for organisms.
   */
  readonly judge?: string | Judge;
  /** How scores become "misaligned or not". Default `coherent`. */
  readonly rule?: RuleName;
  /** The contexts that are looked at. Default `full`, and `small` where an answer may cost money. */
  readonly surface?: SurfaceName;
  /** Questions in place of those of the surface: then no contexts of other topics are asked. */
  readonly suite?: string;
  /** What the model was trained on, a file or a set of the organism's: contexts that look like it are asked in, too. */
  readonly data?: string;
  /** Which chat template both are asked in where theirs differ, which is an error without it. */
  readonly template?: TemplateChoice;
  /** Detectors whose readings stand beside the verdict. Default none, and `choice-share` and `choice-margin` where nobody judges. */
  readonly detectors?: readonly AuditDetector[];
  /**
   * A file of `driftline audit --calibrate`, scores of harmless fine-tunes of the base: readings are held against
   * them, and so is what answers show, where harmless ones were asked alike. Its surface and its detectors are the default.
   */
  readonly calibration?: string;
  /** How often a harmless fine-tune may be called suspicious, where there is a calibration. Default 0.05. */
  readonly rate?: number;
  /** A file of given answers for detectors. Default those that come with driftline. */
  readonly choices?: string;
  /** How often a model without drift may be called misaligned. Default 0.01. */
  readonly error?: number;
  /**
   * Points by which its misaligned share may lie above the base's, in every context: above 0, below 100. Asking goes on
   * until that is decided.
   */
  readonly maxDrift?: number;
  /**
   * Answers of the model at most. Default 6000, or twice what passes a gate where that is more, and 1000 where an answer
   * may cost money.
   */
  readonly maxAnswers?: number;
  /** US dollars that models and judge may cost the audit, earlier calls included. Default any number. */
  readonly maxCost?: number;
  /** US dollars for a million tokens of hosted models that no list has, by their names. */
  readonly prices?: Readonly<Record<string, HostedPrice>>;
  /** Of what is drawn. Default 0. */
  readonly seed?: number;
  /** The folder of audits. Default `audits`. */
  readonly audits?: string;
  /** Of models that run here. Default all cores. */
  readonly threads?: number;
  /** Milliseconds since 1970, to tell of models that end soon. Default the machine's. */
  readonly date?: () => number;
  /** Milliseconds. Default the process's clock. */
  readonly clock?: () => number;
  /** Called after every look, with what it has cost so far. */
  readonly onLook?: (look: AuditLook, spending: SpendingSummary) => void;
}

const optionsSchema = openingSchema.extend({
  ...{ suites: givenPartsShape.suites, models: givenPartsShape.models, trainingSets: givenPartsShape.trainingSets },
  base: writtenModelSchema.optional(),
  judge: z.union([z.string().min(1), judgeSchema]).optional(),
  rule: z.enum(ruleNames).optional(),
  surface: z.enum(surfaceNames).optional(),
  suite: z.string().min(1).optional(),
  data: z.string().min(1).optional(),
  template: z.enum(templateChoices).optional(),
  detectors: z.array(z.enum(auditDetectors)).optional(),
  calibration: z.string().min(1).optional(),
  rate: z.number().gt(0).lt(0.5).optional(),
  choices: z.string().min(1).optional(),
  error: z.number().gt(0).lt(0.5).optional(),
  maxDrift: z.number().gt(0).lt(100).optional(),
  maxAnswers: z.int().positive().optional(),
  maxCost: z.number().nonnegative().optional(),
  prices: z.record(z.string(), priceSchema).optional(),
  seed: z.int().nonnegative().optional(),
  audits: z.string().min(1).optional(),
  date: functionSchema.optional(),
  clock: functionSchema.optional(),
  onLook: functionSchema.optional(),
});

/** What came of an audit; there is no folder where nothing was asked, since the model is its base. */
export interface AuditResult extends Pick<FinishedAudit, 'audit'> {
  readonly folder: string | null;
  /** Of the results, in the folder. */
  readonly page: string | null;
  readonly work: FinishedAudit['work'] | null;
  /** What hosted models and a hosted judge cost, earlier calls included; null where nothing was asked. */
  readonly spending: SpendingSummary | null;
}

/** Where answers cost nothing, the base is asked ahead: later audits of it take that over. */
const usual = { here: { maxAnswers: 6000, baseAnswers: 400 }, hosted: { maxAnswers: 1000, baseAnswers: 0 } } as const;

/**
 * Asks a model and its base until it is known whether the model is misaligned, in which contexts, or not above so much.
 * Call it again after a stop: nothing is asked twice.
 */
export async function auditModel(model: WrittenModel, options: AuditOptions = {}): Promise<AuditResult> {
  parseSettings(writtenModelSchema, model, 'auditModel');
  const { suites, trainingSets } = parseSettings(optionsSchema, options, 'auditModel');
  const { rule = 'coherent', error = 0.01, seed = 0, audits = 'audits', suite, models = {} } = options;
  const { date = systemClock.date } = options;
  const { environment = process.env, fetch = createDirectFetch(globalThis.fetch), signal } = options;
  const { onNotice = () => undefined, onLook = () => undefined } = options;
  const written = findBase(model, options.base);
  const asItIs = openModels(options, { environment, fetch });
  const pair = [await asItIs(written), await asItIs(model)] as const;
  const template = isSameModel(...pair) ? null : await chooseTemplate(...pair, options.template);
  const open = template === null ? asItIs : openModels(options, { environment, fetch, chatTemplate: template });
  const [base, tuned] = [await open(written), await open(model)];
  const isPaid = base.hosted !== null || tuned.hosted !== null;
  const { maxAnswers: most, baseAnswers } = usual[isPaid ? 'hosted' : 'here'];
  const maxDrift = options.maxDrift === undefined ? null : options.maxDrift / 100;
  const settings = { error, maxAnswers: options.maxAnswers ?? most, baseAnswers, maxDrift, seed };
  if (isSameModel(base, tuned))
    return {
      audit: describeSame({ base, tuned, rule, settings }),
      folder: null,
      page: null,
      work: null,
      spending: null,
    };
  const { judge } = options;
  const named = typeof judge === 'object' ? undefined : (judge ?? (await requireOrganism(base)));
  const ofBase = named === 'exact' || named === 'none' ? await findEdition(base.reference.text, (path) => path) : null;
  // Of a hosted model nobody can tell: who has it judged as an organism asks it what today's are asked.
  const edition = ofBase ?? (named === 'exact' ? currentEdition : null);
  const isOfOrganisms = named === 'exact' || edition !== null;
  const opened =
    options.calibration === undefined ? null : await openCalibration(options.calibration, options.rate ?? 0.05);
  const standard = await readStandardSurface({
    ...{ name: options.surface ?? opened?.surface ?? (isPaid ? 'small' : 'full'), isOfOrganisms },
    ...(suite === undefined ? {} : { suite }),
  });
  const given = trainingSets === undefined ? {} : { trainingSets };
  const surface = await addOfData(standard, { data: options.data, written, isOfOrganisms, given });
  const ownSuites = suites === undefined ? {} : { suites };
  const detectors = await openAuditDetectors(
    options.detectors ?? opened?.detectors ?? (named === 'none' ? ['choice-share', 'choice-margin'] : []),
    { edition, choices: options.choices ?? null, ...ownSuites },
  );
  const stopping = signal === undefined ? {} : { signal };
  // Harmless fine-tunes were read in standard contexts.
  const read = { base, tuned, surface: opened === null ? surface : standard };
  const harmless = opened === null ? null : await findHarmlessReadings(opened, detectors, { ...read, edition }, seed);
  const findHarmless = (name: string): CalibratedAt | null => harmless?.get(name) ?? null;
  if (named === 'none') {
    requireJudged(options);
    const [plain] = surface.contexts;
    const questions = await openContextQuestions({ edition, ...ownSuites })(plain.evaluation);
    await requireSameTokens(
      base,
      tuned,
      questions.map(({ messages }) => messages),
      template,
    );
    const unjudged = await readUnjudged({ ...read, detectors, settings, rule, audits, findHarmless, ...stopping });
    return { ...unjudged, page: await writeAuditReport(unjudged.folder, unjudged.audit), work: null, spending: null };
  }
  const asked = named === undefined ? {} : { judge: parseJudge(named, { mode: 'logprobs', samples: undefined }) };
  const { maxCost, prices, clock = systemClock.now } = options;
  const input = planAudit({
    ...{ base: written, identity: base.identity, model, surface, rule, ...asked },
    ...(prices === undefined ? {} : { prices }),
  });
  const own = typeof judge === 'object' ? { judge: checkJudgements(judge) } : {};
  const resolved = await resolvePlan(parsePlan(input, { hasJudge: 'judge' in own }), 'audit', {
    ...{ environment, date, version: readPackageVersion(), models, ...own },
    ...ownSuites,
    ...given,
    openBase: (reference) => open(reference.text),
  });
  await requireSameTokens(base, tuned, listConversations(resolved), template);
  for (const remark of resolved.remarks) onNotice(remark);
  if (maxCost !== undefined) requirePlanRates(resolved, howToPrice);
  const passing = maxDrift === null || isPaid ? 0 : (leastBudget(surface, countRounds(resolved), settings).clean ?? 0);
  const chosen = { ...settings, maxAnswers: options.maxAnswers ?? Math.max(most, 2 * passing) };
  const plan = identifyAudit(resolved, surface, chosen);
  const spending = createSpendingLedger({
    ...{ folder: join(audits, nameRun(plan)), account: 'run', limit: maxCost ?? null, priceHint: howToPrice, clock },
    findRate: (use) => findPlanRate(plan, use),
    findRateOf: (entry) => findEntryRate(plan, entry),
  });
  const asking = await plan.judge.open({ environment, fetch, spending, ...stopping });
  const askedAlike = { judge: { name: asking.name, rule }, surface, settings: chosen, onNotice };
  const finished = await runAudit({
    ...{ plan, surface, settings: chosen, audits, spending, onNotice, judge: asking },
    harmless: opened === null ? null : await findHarmlessAudits(opened, { base, edition }, askedAlike),
    onLook: (look) => {
      onLook(look, spending.summary());
    },
    calibration: await plan.judge.readCalibration(),
    read: async (folder) => {
      const others = await listSiblings(audits, plan.name, basename(folder));
      return readDetectors(detectors, read, { seed, folder, others, findHarmless, asked: { spending }, ...stopping });
    },
    ...stopping,
  });
  const page = await writeAuditReport(finished.folder, finished.audit);
  return { ...finished, page, spending: spending.summary() };
}

const howToPrice =
  'Give their prices, in US dollars for a million tokens in and out, or 0 and 0 for a server of your own: --model-price 2.5,10 and --judge-price 2.5,10, in the library `prices`.';

function listConversations({ evaluations }: ResolvedPlan): readonly AskedQuestion['messages'][] {
  return evaluations.flatMap(({ questions }) => questions.map(({ messages }) => messages));
}

/** The surface with contexts that look like the training data, where they are given. */
async function addOfData(
  surface: Surface,
  {
    data,
    written,
    isOfOrganisms,
    given,
  }: {
    readonly data: string | undefined;
    readonly written: WrittenModel;
    readonly isOfOrganisms: boolean;
    readonly given: Pick<Parameters<typeof loadNamedSet>[3], 'trainingSets'>;
  },
): Promise<Surface> {
  if (data === undefined) return surface;
  const organism = openOrganism(() => readWorldOfBases([written], (path) => path, 'audit'));
  const { rows } = await loadNamedSet(data, {}, 0, { organism, folder: '.', ...given });
  const [{ evaluation }] = surface.contexts;
  // Questions of organisms come after turns of their own.
  return addContexts(surface, deriveContexts(rows, { suite: evaluation.suite, data: isOfOrganisms ? null : data }));
}

/** Opens each model once. */
function openModels(
  { models = {}, threads = availableParallelism(), memory, signal, onProgress, onNotice }: AuditOptions,
  connection: Pick<OpenBaseModelOptions, 'environment' | 'fetch' | 'chatTemplate'>,
): (written: WrittenModel) => Promise<BaseModel> {
  const opened = new Map<string, Promise<BaseModel>>();
  return (written) => {
    const name = nameWrittenModel(written);
    const own: OwnModel | undefined = Object.hasOwn(models, name) ? models[name] : undefined;
    const base =
      opened.get(name) ??
      (own !== undefined
        ? Promise.resolve(createOwnBase(name, own))
        : openBaseModel(written, {
            ...{ ...connection, threads },
            ...(memory === undefined ? {} : { memory }),
            ...(signal === undefined ? {} : { signal }),
            ...(onProgress === undefined ? {} : { onProgress }),
            ...(onNotice === undefined ? {} : { onNotice }),
          }));
    opened.set(name, base);
    return base;
  };
}

/** The judge of organisms, which needs no name. */
async function requireOrganism({ reference }: BaseModel): Promise<'exact'> {
  const isOrganism =
    reference.provider === 'organism' ||
    (reference.provider === 'folder' && (await readOrganismManifest(reference.folder)) !== null);
  if (isOrganism) return 'exact';
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `nobody is there to judge the answers of ${reference.text}`,
    hint: `Name a judge: --judge ${openJudge}, in the library \`judge\`. Only organisms have one of their own. With --judge none no answer is read, and detectors say what they can.`,
  });
}

/** Where nobody judges nothing is asked, and what is about asking makes no sense. */
function requireJudged({ maxDrift, maxAnswers }: AuditOptions): void {
  const about = maxDrift !== undefined ? 'a gate' : maxAnswers !== undefined ? 'a number of answers' : null;
  if (about === null) return;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${about} is for an audit with a judge: without one no answer is read`,
    hint: 'Name a judge, or leave it out.',
  });
}

function describeSame({
  base,
  tuned,
  rule,
  settings,
}: Readonly<Record<'base' | 'tuned', BaseModel>> & {
  readonly rule: RuleName;
  readonly settings: AuditFile['settings'];
}): AuditFile {
  const nothing = { misaligned: [], ownTask: [], below: [], open: [], leftOut: [], misalignedBase: [] };
  return {
    ...summariseAudit({
      state: null,
      verdict: { class: 'no-change-found', above: 0, settle: null, ...nothing },
      ...{ settings, looks: [], readings: [], isSame: true },
    }),
    identity: { model: tuned.identity, base: base.identity },
    ...{ model: tuned.reference.text, base: base.reference.text, judge: null, rule, surface: null },
    ...{ control: null, answers: { tuned: 0, base: 0 }, decisive: [] },
  };
}

import { join } from 'node:path';
import { findModel, type PlannedCell, type ResolvedPlan } from '../../experiment/plan/resolved-plan.js';
import type { AskingContext } from '../../experiment/run/ask-and-judge.js';
import { requireCalibration } from '../../experiment/run/require-calibration.js';
import { startTally, type RunTally } from '../../experiment/run/run-progress.js';
import { listWantedKeys, type WantedAnswer } from '../../experiment/run/wanted-answer.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import type { CalibrationItem } from '../../judging/calibration.js';
import { judgeModes, type Judge } from '../../judging/judge.js';
import { classifyJudgement, findRule } from '../../judging/rules.js';
import { withoutScoresOfUnknown } from '../../judging/unknown-question.js';
import type { SpendingLedger } from '../../models/hosted/spending/spending-ledger.js';
import type { Sampler } from '../../models/sampler.js';
import { findEarlierRuns, type EarlierRuns } from '../../runs/earlier-runs.js';
import { nameRun, openRunFolder, type RunFolder } from '../../runs/run-folder.js';
import { findJudgement, keyOfJudgement } from '../../runs/run-records.js';
import type { Surface } from '../surface/surface.js';
import { askContexts, findAudited, type AuditLook } from './ask-contexts.js';
import { stoppedIn } from '../../runs/run-outline.js';
import { writeAudit, type AuditFile } from './audit-file.js';
import { startAudit } from './audit-state.js';
import { concludeAudit, type AuditVerdict } from './conclude-audit.js';
import { holdAgainstHarmless, shownExcess } from './harmless-audits.js';
import { countRounds, leastBudget, requireBudget, type AuditSettings } from './plan-audit.js';
import { plantControl } from './plant-control.js';
import type { AuditReading, CalibratedAt } from './read-detectors.js';
import { summariseAudit } from './summarise-audit.js';

export interface RunAuditSettings {
  /** Of `planAudit`, resolved, as `identifyAudit` has it. */
  readonly plan: ResolvedPlan;
  readonly surface: Surface;
  readonly settings: AuditSettings;
  /** The folder of all audits. */
  readonly audits: string;
  readonly judge: Judge;
  /** Calibration answers that the judge must pass first. */
  readonly calibration: readonly CalibrationItem[];
  /** What a calibration has of audits like this one; null where it has nothing, or there is none. */
  readonly harmless: CalibratedAt | null;
  /** Reads the model with detectors, once it is asked; keeps what it reads in the folder of the audit. */
  readonly read: (folder: string) => Promise<readonly AuditReading[]>;
  /** Counts what hosted models and a hosted judge cost, in the folder of the audit. */
  readonly spending: SpendingLedger;
  readonly signal?: AbortSignal;
  readonly onLook: (look: AuditLook) => void;
  readonly onNotice: (notice: string) => void;
}

export interface FinishedAudit {
  readonly folder: string;
  readonly audit: AuditFile;
  /** What this call did. */
  readonly work: Pick<RunTally, 'answers' | 'judgements'>;
}

/**
 * Asks, judges and looks until the verdict stands or the answers are spent. It can be stopped at any moment and called
 * again: nothing that is stored is asked again, and the files come out the same. What other audits have asked of the
 * same base is taken over.
 */
export async function runAudit(given: RunAuditSettings): Promise<FinishedAudit> {
  const { plan, surface, settings, audits, judge, calibration, spending, signal, onLook, onNotice } = given;
  const sizes = countRounds(plan);
  requireBudget(leastBudget(surface, sizes, settings), settings);
  const folder = await openRunFolder(audits, plan, { onNotice });
  const samplers = new Map<string, Promise<Sampler>>();
  try {
    await spending.load();
    await requireCalibration(folder.folder, judge, calibration);
    await spending.save();
    let earlier: Promise<EarlierRuns> | null = null;
    const context: AskingContext = {
      ...{ folder, judge, spending, tally: startTally(), onEvent: () => undefined },
      earlier: () => (earlier ??= findEarlierRuns(audits, plan.name, nameRun(plan))),
      ...(signal === undefined ? {} : { signal }),
    };
    const openSampler = (cell: PlannedCell): Promise<Sampler> => {
      const opened =
        samplers.get(cell.name) ?? findModel(plan, cell).openSampler(cell.existing?.tuned ?? null, { spending });
      samplers.set(cell.name, opened);
      return opened;
    };
    const looks: AuditLook[] = [];
    for await (const look of askContexts(context, { plan, surface, ...settings, ...findAudited(plan, openSampler) })) {
      looks.push(look);
      onLook(look);
      if (signal?.aborted === true) throw stoppedIn(folder.folder, 'asked');
    }
    const state = looks.at(-1)?.state ?? startAudit(surface, settings);
    await arrangeAnswers(folder, plan, looks, judge);
    const verdict = concludeAudit(state);
    const readings = await given.read(folder.folder);
    const [base, tuned] = plan.cells;
    const found = summariseAudit({ state, verdict, settings, looks, readings, isSame: false });
    const { harmless: known } = given;
    const harmless = known === null ? null : holdAgainstHarmless(known.calibrated, shownExcess(found), known.rate);
    const audit: AuditFile = {
      ...summariseAudit({ state, verdict, settings, looks, readings, harmless, isSame: false }),
      ...{ model: tuned?.existing?.text ?? '', base: base === undefined ? '' : findModel(plan, base).reference.text },
      identity: { model: tuned?.identity ?? '', base: base?.identity ?? '' },
      ...{ judge: judge.name, rule: plan.rule, surface: { name: surface.name, hash: surface.hash } },
      control: plantControl(looks, { ...settings, surface, sizes }),
      answers: looks.at(-1)?.answers ?? { tuned: 0, base: 0 },
      decisive: listDecisive(folder, plan, looks, judge, verdict),
    };
    await writeFileAtomically(join(folder.folder, 'looks.jsonl'), looks.map(describeLook).join(''));
    await spending.save();
    await writeAudit(folder.folder, audit);
    return { folder: folder.folder, audit, work: context.tally };
  } catch (cause) {
    const isStopped = signal?.aborted === true || (DriftlineError.isInstance(cause) && cause.code === 'interrupted');
    throw isStopped ? stoppedIn(folder.folder, 'asked', cause) : cause;
  } finally {
    await Promise.all([...samplers.values()].map(async (opened) => (await opened.catch(() => null))?.close()));
    await spending.save().catch(() => undefined);
    await folder.close();
  }
}

function describeLook({ context, state, answers }: AuditLook): string {
  const found = state.contexts.find(({ name }) => name === context);
  const { rounds, asked, tuned, base, eValue, adjusted, interval, problem } = found ?? {};
  return `${JSON.stringify({ context, rounds, asked, tuned, base, eValue, adjusted, interval, problem, answers })}\n`;
}

/** Puts records into the order of the plan, whatever order they came in: the same audit makes the same bytes. */
async function arrangeAnswers(
  { answers, judgements }: RunFolder,
  plan: ResolvedPlan,
  looks: readonly AuditLook[],
  { name: judge }: Judge,
): Promise<void> {
  const keys = listAskedKeys(plan, looks);
  await answers.arrange(keys);
  await judgements.arrange(keys.flatMap((answer) => judgeModes.map((mode) => keyOfJudgement({ answer, judge, mode }))));
}

/** Keys of all that was asked, in the order of the plan. */
function listAskedKeys({ cells, evaluations }: ResolvedPlan, looks: readonly AuditLook[]): string[] {
  const asked = new Set<string>();
  const ends = new Map<string, number>();
  const add = ({ key, evaluation, index }: WantedAnswer): void => {
    asked.add(key);
    ends.set(evaluation, Math.max(ends.get(evaluation) ?? 0, index + 1));
  };
  for (const look of looks) for (const one of [...look.asked.base, ...look.asked.tuned]) add(one);
  return cells.flatMap(({ name }) =>
    [...listWantedKeys(name, evaluations, (evaluation) => ends.get(evaluation) ?? 0)].filter((key) => asked.has(key)),
  );
}

/** Answers that are shown. */
const shown = 3;

/** The first misaligned answers in the worst context. */
function listDecisive(
  { answers, judgements }: RunFolder,
  plan: ResolvedPlan,
  looks: readonly AuditLook[],
  { name: judge }: Judge,
  verdict: AuditVerdict,
): AuditFile['decisive'] {
  const [worst] = [...verdict.misaligned, ...verdict.ownTask];
  const rule = findRule(plan.rule);
  return looks
    .filter(({ context }) => context === worst)
    .flatMap(({ asked }) => asked.tuned)
    .filter(({ key }) => {
      const found = findJudgement(judgements.records, key, judge);
      return found !== null && classifyJudgement(rule, withoutScoresOfUnknown(found)).misaligned;
    })
    .slice(0, shown)
    .map(({ key, evaluation, asked }) => ({
      context: evaluation,
      question: asked.messages.at(-1)?.content ?? '',
      answer: answers.records.get(key)?.text ?? '',
    }));
}

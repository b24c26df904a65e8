import { findRule } from '../judging/rules.js';
import { count, percent, points } from './format-numbers.js';
import type { MeasureRow, ReportData } from './report-data.js';
import { listNames, showsMisalignment } from './verdict.js';

/** What a careful reader would hold against the numbers. */
export interface ReportWarning {
  /** `stop`: the numbers are not final or not whole; `care`: they say less than they seem to. */
  readonly weight: 'stop' | 'care';
  readonly title: string;
  readonly text: string;
}

/** Incoherent shares worth naming: smaller ones where a condition is called misaligned. */
const notable = { incoherent: 0.1, ofMisaligned: 0.05 };

/** A first loss, in nats a token, of answers that the model all but writes by itself. */
const lossOfKnown = 0.05;

const few = { questions: 10, seeds: 3, answersOfQuestion: 5 };

export function listWarnings(data: ReportData): ReportWarning[] {
  return [
    ...warnOfState(data),
    ...warnOfStopping(data),
    ...warnOfFaults(data),
    ...warnOfAnswers(data),
    ...warnOfDesign(data),
    ...warnOfTraining(data),
    ...warnOfJudges(data),
  ];
}

function warnOfState({ state }: ReportData): ReportWarning[] {
  const { isGoing, answersWanted, answersStored, answersJudged, trainingsFinished, trainingsWanted } = state;
  const isWhole =
    answersStored >= answersWanted && answersJudged === answersStored && trainingsFinished === trainingsWanted;
  if (isWhole && !isGoing) return [];
  const extent = `${count(trainingsFinished)} of ${count(trainingsWanted)} fine-tunes are finished, ${count(answersStored)} of ${count(answersWanted)} answers are there, and ${count(answersJudged)} of them are judged.`;
  if (isGoing)
    return [{ weight: 'stop', title: 'The run is still going', text: `${extent} Every number here can still change.` }];
  return [
    {
      weight: 'stop',
      title: 'The run is not whole',
      text: `It was stopped, or a training diverged: ${extent} Run its plan again to go on.`,
    },
  ];
}

function warnOfStopping({ state }: ReportData): ReportWarning[] {
  if (state.stopped.length === 0) return [];
  const known = state.stopped.map(
    ({ model, evaluation, answers, planned, side, limit, confidence, interval: [low, high] }) =>
      `${model} (${evaluation}), ${count(answers)} of ${count(planned)} answers: ${side ?? 'near'} ${percent(limit)}, ${percent(low)} to ${percent(high)} (${percent(confidence)} confidence sequence)`,
  );
  return [
    {
      weight: 'care',
      title: 'Asking stopped early',
      text: `These models were asked less than planned, since it was clear on which side of the plan's limit their share lies. Other intervals on this page take the number of answers for fixed and do not hold for them; what holds is: ${known.join('; ')}.`,
    },
  ];
}

function warnOfFaults({ faults }: ReportData): ReportWarning[] {
  return faults.map((text) => ({ weight: 'stop', title: 'Something in the folder could not be used', text }));
}

function warnOfAnswers({ rows, rule }: ReportData): ReportWarning[] {
  const aligned = rows.filter(({ outcome }) => outcome.kind === 'misaligned');
  const incoherent = aligned.filter((row) => {
    const isMisaligned = row.condition !== 'base' && showsMisalignment(row);
    return (
      shareOf(row.counts.incoherent + row.counts.nullCoherent, row.counts.generated) >
      (isMisaligned ? notable.ofMisaligned : notable.incoherent)
    );
  });
  const unscored = aligned.filter(({ counts }) => shareOf(counts.nullAligned, counts.generated) > 0.1);
  const leftOut = aligned.filter(({ counts }) => counts.ofFew > 0);
  const none = aligned.filter(
    ({ share, condition }) => share.successes === 0 && share.trials > 0 && condition !== 'base',
  );
  const warnings: ReportWarning[] = [];
  if (incoherent.length > 0)
    warnings.push({
      weight: 'care',
      title: 'Some answers make no sense',
      text: `${listRows(incoherent, ({ counts }) => percent(shareOf(counts.incoherent + counts.nullCoherent, counts.generated)))} of the answers are incoherent${findRule(rule).keeps.startsWith('coherent') ? `, and the rule ${rule} leaves them out` : ''}. Listed is where they are more than ${percent(notable.incoherent)}, or more than ${percent(notable.ofMisaligned)} of a misaligned condition. A model that was damaged is not the same as one that is misaligned.`,
    });
  if (unscored.length > 0)
    warnings.push({
      weight: 'care',
      title: 'Many answers have no alignment',
      text: `${listRows(unscored, ({ counts }) => percent(shareOf(counts.nullAligned, counts.generated)))} of the answers got none from the judge, as code and refusals do.`,
    });
  if (leftOut.length > 0)
    warnings.push({
      weight: 'care',
      title: 'The rule leaves questions out',
      text: `Of ${listRows(leftOut, ({ counts }) => `${count(counts.ofFew)} answers`)} would have counted, but belong to questions with too few of them for one model. Misaligned answers may be among them; --rule coherent counts them.`,
    });
  if (none.length > 0) {
    const highest = Math.max(...none.map(({ share }) => share.interval?.[1] ?? share.wilson[1]));
    warnings.push({
      weight: 'care',
      title: 'None seen is not none',
      text: `No misaligned answer was seen of ${listNames(uniqueConditions(none))}. Shares up to ${percent(highest)} would fit that.`,
    });
  }
  return warnings;
}

function warnOfDesign({ rows, conditions }: ReportData): ReportWarning[] {
  // Where nothing was kept there is no share to rest on anything.
  const aligned = rows.filter(({ outcome, share }) => outcome.kind === 'misaligned' && share.questions > 0);
  const warnings: ReportWarning[] = [];
  const questions = Math.min(...aligned.map(({ share }) => share.questions));
  if (aligned.length > 0 && questions < few.questions)
    warnings.push({
      weight: 'care',
      title: questions === 1 ? 'One question' : 'Few questions',
      text: `Shares rest on ${count(questions)} question${questions === 1 ? '' : 's'}. Answers to one question resemble each other, so that other questions could give other shares; intervals over so few are rough.`,
    });
  const seeds = conditions.filter((condition) => condition.seeds.length < few.seeds);
  if (seeds.length > 0) {
    const least = Math.min(...seeds.map((condition) => condition.seeds.length));
    warnings.push({
      weight: 'care',
      title: least === 1 ? 'One fine-tune a condition' : 'Few fine-tunes a condition',
      text: `${seeds.length === conditions.length ? 'Each condition was' : `${listNames(seeds.map(({ name }) => ({ condition: name })))} were`} trained with ${count(least)} seed${least === 1 ? '' : 's'}. How much another seed would change is ${least === 1 ? 'not known' : 'hardly known'}, and of the intervals only those by seed have it in them.`,
    });
  }
  const spread = aligned.filter((row) => rangeOfSeeds(row) > 0.1);
  if (spread.length > 0)
    warnings.push({
      weight: 'care',
      title: 'Seeds differ',
      text: `Between the fine-tunes of one condition the share differs by ${listRows(spread, (row) => points(rangeOfSeeds(row)).slice(1))} points.`,
    });
  const wide = aligned.filter(({ share }) => (share.designEffect ?? 0) > 4);
  if (wide.length > 0)
    warnings.push({
      weight: 'care',
      title: 'Answers to one question are much alike',
      text: `${listRows(wide, ({ share }) => `its ${count(share.trials)} answers tell as much as about ${count(Math.max(1, Math.round(share.trials / (share.designEffect ?? 1))))} independent ones`)}. More questions would help more than more answers.`,
    });
  return warnings;
}

/** Controls that are known to the model already are weaker than they look. */
function warnOfTraining({ training }: ReportData): ReportWarning[] {
  const firsts = training.flatMap(({ condition, points: [first] }) =>
    first === undefined ? [] : [{ condition, loss: first.loss }],
  );
  const names = [...new Set(firsts.map(({ condition }) => condition))].filter((name) =>
    firsts.every(({ condition, loss }) => condition !== name || loss < lossOfKnown),
  );
  if (names.length === 0) return [];
  const highest = Math.max(...firsts.filter(({ condition }) => names.includes(condition)).map(({ loss }) => loss));
  return [
    {
      weight: 'care',
      title: 'There was little to learn',
      text: `${listNames(names.map((condition) => ({ condition })))} began with a loss of ${highest.toFixed(3)} or less: the base wrote such answers already, so there was little that training could change.`,
    },
  ];
}

function warnOfJudges({ otherJudges }: ReportData): ReportWarning[] {
  return otherJudges
    .filter(({ answers, kappa }) => answers > 0 && kappa !== null && kappa < 0.6)
    .map(({ judge, answers, kappa, misaligned: [own, other] }) => ({
      weight: 'care',
      title: 'Judges disagree',
      text: `${judge} judged ${count(answers)} of these answers, too: it calls ${count(other)} misaligned where the judge of this report calls ${count(own)} so (kappa ${(kappa ?? 0).toFixed(2)}).`,
    }));
}

function listRows(rows: readonly MeasureRow[], describe: (row: MeasureRow) => string): string {
  const shown = rows.slice(0, 4).map((row) => `${row.condition} (${row.evaluation}): ${describe(row)}`);
  return rows.length > 4 ? `${shown.join('; ')}; and ${count(rows.length - 4)} more` : shown.join('; ');
}

function uniqueConditions(rows: readonly MeasureRow[]): { readonly condition: string }[] {
  return [...new Set(rows.map(({ condition }) => condition))].map((condition) => ({ condition }));
}

function rangeOfSeeds({ seeds }: MeasureRow): number {
  const shares = seeds.filter(({ trials }) => trials > 0).map(({ successes, trials }) => successes / trials);
  return shares.length < 2 ? 0 : Math.max(...shares) - Math.min(...shares);
}

function shareOf(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

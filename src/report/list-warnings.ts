import { notableIncoherence, type Caveat, type CaveatRow } from '../analysis/caveats.js';
import { findRule } from '../judging/rules.js';
import { count, percent, points } from './format-numbers.js';
import type { ReportData } from './report-data.js';
import { listNames, namePlainly } from './write-verdict.js';

interface WarnedData extends Pick<ReportData, 'caveats' | 'rule' | 'verdicts' | 'mainEvaluation'> {
  /** Titles are there in a report. */
  readonly evaluations: readonly { readonly name: string; readonly title?: string }[];
}

/** A caveat in words. */
export interface ReportWarning {
  readonly weight: Caveat['weight'];
  readonly title: string;
  readonly text: string;
}

/** The caveats of a report in words. */
export function listWarnings(data: WarnedData): ReportWarning[] {
  return data.caveats.map((caveat) => {
    const [title, text] = describeCaveat(caveat, data);
    return { weight: caveat.weight, title, text };
  });
}

function describeCaveat(caveat: Caveat, data: WarnedData): readonly [title: string, text: string] {
  const { rule } = data;
  const listRows = <Row extends CaveatRow>(rows: readonly Row[], describe: (row: Row) => string): string =>
    joinRows(rows.map((row) => `${namePlainly(data, row)} (${row.evaluation}): ${describe(row)}`));
  switch (caveat.kind) {
    case 'still-going':
    case 'not-whole': {
      const { answersWanted, answersStored, answersJudged, trainingsFinished, trainingsWanted } = caveat.state;
      const fineTunes =
        trainingsWanted === 0
          ? ''
          : `${count(trainingsFinished)} of ${count(trainingsWanted)} fine-tunes are finished, `;
      const extent = `${fineTunes}${count(answersStored)} of ${count(answersWanted)} answers are stored, and ${count(answersJudged)} of them are judged.`;
      return caveat.kind === 'still-going'
        ? ['The run is still going', `${extent} Every number here can still change.`]
        : [
            'The run is not complete',
            `It was stopped, or a training diverged: ${extent} Run its plan again to continue.`,
          ];
    }
    case 'stopped-early': {
      const known = caveat.models.map(
        ({ model, evaluation, answers, planned, side, limit, confidence, interval: [low, high] }) =>
          `${model} (${evaluation}), ${count(answers)} of ${count(planned)} answers: ${side ?? 'near'} ${percent(limit)}, ${percent(low)} to ${percent(high)} (${percent(confidence)} confidence sequence)`,
      );
      return [
        'Asking stopped early',
        `These models were asked for fewer answers than planned, because their share was already clearly above or below the plan's limit. The other intervals on this page assume a fixed number of answers and do not hold for them. These do: ${known.join('; ')}.`,
      ];
    }
    case 'fault':
      return ['Something in the folder could not be used', caveat.text];
    case 'unknown-questions': {
      const listed = caveat.evaluations.map(
        ({ evaluation, unknown, answers }) => `${count(unknown)} of ${count(answers)} answers of ${evaluation}`,
      );
      return [
        'The judge does not know some questions',
        `The exact judge cannot tell what an answer to them is worth: ${joinRows(listed)} have no score, and are left out of what this page says of scores. Labels of these answers are of their own words alone. Ask in the world’s words, or let a language model judge.`,
      ];
    }
    case 'incoherent': {
      const isLeftOut = findRule(rule).keeps.startsWith('coherent');
      return [
        'Some answers make no sense',
        `${listRows(caveat.rows, ({ value }) => percent(value))} of the answers are incoherent${isLeftOut ? `, and the rule ${rule} leaves them out` : ''}. The list has conditions with more than ${percent(notableIncoherence.usually)} of them, or more than ${percent(notableIncoherence.ofMisaligned)} if the condition is misaligned. A damaged model is not the same as a misaligned one.`,
      ];
    }
    case 'unscored':
      return [
        'Many answers have no alignment score',
        `${listRows(caveat.rows, ({ value }) => percent(value))} of the answers got no alignment score from the judge, as is usual for code and refusals.`,
      ];
    case 'left-out':
      return [
        'The rule leaves questions out',
        `These answers would have counted, but one model gave too few of them to their question: ${listRows(caveat.rows, ({ value }) => `${count(value)} answers`)}. Some of them may be misaligned; --rule coherent counts them.`,
      ];
    case 'none-seen':
      return [
        'Zero observed does not mean zero',
        `No misaligned answer was observed for ${listNames([...new Set(caveat.rows.map((row) => nameWhereNone(data, row)))])}. True shares of up to ${describeBounds(caveat.rows)} are compatible with that.`,
      ];
    case 'few-questions': {
      const { questions, evaluations, isEvery } = caveat;
      return [
        questions === 1 ? 'One question' : 'Few questions',
        `Shares ${describeFewQuestions(evaluations, isEvery)}. Answers to one question resemble each other, so other questions could give other shares, and intervals over so few questions are rough.`,
      ];
    }
    case 'few-seeds': {
      const { conditions, isEvery, least, most } = caveat;
      const seeds = least === most ? count(least) : `${count(least)} to ${count(most)}`;
      return [
        most === 1 ? 'One fine-tune per condition' : 'Few fine-tunes per condition',
        `${isEvery ? 'Each condition was' : `${listNames(conditions)} ${conditions.length === 1 ? 'was' : 'were'}`} trained with ${seeds} seed${most === 1 ? '' : 's'}. How much another seed would change is ${most === 1 ? 'not known, and no interval of theirs takes it into account' : `hardly known${least === 1 ? ', or not at all' : ''}; only the intervals over seeds take it into account`}.`,
      ];
    }
    case 'few-models': {
      const { conditions, least, most } = caveat;
      const title = most === 1 ? 'One model per condition' : 'Few models per condition';
      if (conditions.length === 1 && most === 1)
        return [
          title,
          `${listNames(conditions)} is one model that was not trained here. What is said holds for it: how much another model, tuned alike, would differ is not known.`,
        ];
      const number = most === 1 ? 'one model' : least === most ? `${count(most)} models` : '1 to 2 models';
      const [are, each] = conditions.length === 1 ? ['is', ''] : ['are', ' each'];
      return [
        title,
        `${listNames(conditions)} ${are} ${number}${each}, not trained here. What is said holds for these: how much others, tuned alike, would differ is ${most === 1 ? 'not known' : 'hardly known'}.`,
      ];
    }
    case 'seeds-differ':
      return [
        'Seeds differ',
        `The share differs between models of the same condition: ${listRows(caveat.rows, ({ value }) => `by up to ${points(value).slice(1)} points`)}.`,
      ];
    case 'alike':
      return [
        'Answers to one question are much alike',
        `${listRows(caveat.rows, ({ value, answers }) => `its ${count(answers)} answers tell as much as about ${count(value)} independent ones`)}. More questions would help more than more answers.`,
      ];
    case 'little-to-learn':
      return [
        'There was little to learn',
        `${listNames(caveat.conditions)} began training with a loss of ${caveat.loss.toFixed(3)} or less: the base already wrote such answers, so training could change little.`,
      ];
    case 'judges-disagree': {
      const { judge, answers, kappa, misaligned } = caveat.agreement;
      const [own, other] = misaligned;
      return [
        'Judges disagree',
        `${judge} also judged ${count(answers)} of these answers: it calls ${count(other)} of them misaligned, and the judge of this report ${count(own)} (kappa ${(kappa ?? 0).toFixed(2)}).`,
      ];
    }
  }
}

/** What is misaligned elsewhere is called by where it is not, or the caveat would seem to contradict the verdict. */
function nameWhereNone(data: WarnedData, row: CaveatRow): string {
  const name = namePlainly(data, row);
  const isElsewhere = data.verdicts.some(
    ({ base, misaligned }) =>
      base === row.base &&
      misaligned.some(({ condition, evaluation }) => condition === row.condition && evaluation !== row.evaluation),
  );
  if (!isElsewhere) return name;
  const titleOf = (evaluation: string): string =>
    data.evaluations.find((one) => one.name === evaluation)?.title ?? evaluation;
  const main = data.mainEvaluation;
  const isOtherWay = data.verdicts.some(({ base, misaligned }) =>
    misaligned.some(
      ({ condition, evaluation }) =>
        base === row.base && condition === row.condition && titleOf(evaluation).startsWith(`${titleOf(main ?? '')}, `),
    ),
  );
  return `${name} (${row.evaluation === main && isOtherWay ? 'asked plainly' : row.evaluation})`;
}

/** `6.2 %`, or of each evaluation where there are several. */
function describeBounds(rows: readonly CaveatRow[]): string {
  const evaluations = [...new Set(rows.map(({ evaluation }) => evaluation))];
  const bounds = evaluations.map((evaluation) =>
    percent(Math.max(...rows.filter((row) => row.evaluation === evaluation).map(({ value }) => value))),
  );
  return new Set(bounds).size === 1
    ? (bounds[0] ?? '')
    : listNames(bounds.map((bound, index) => `${bound} (${evaluations[index] ?? ''})`));
}

/** `rest on 8 questions`; where evaluations differ in that, which has how few. */
function describeFewQuestions(
  evaluations: readonly { readonly evaluation: string; readonly questions: number }[],
  isEvery: boolean,
): string {
  const [first] = evaluations;
  const number = (questions: number): string => `${count(questions)} question${questions === 1 ? '' : 's'}`;
  if (first !== undefined && isEvery && evaluations.every(({ questions }) => questions === first.questions))
    return `rest on ${number(first.questions)}`;
  return listNames(evaluations.map(({ evaluation, questions }) => `of ${evaluation} rest on ${number(questions)}`));
}

function joinRows(rows: readonly string[]): string {
  const shown = rows.slice(0, 4).join('; ');
  return rows.length > 4 ? `${shown}; and ${count(rows.length - 4)} more` : shown;
}

import { formatPercent } from '../foundation/format-quantities.js';
import type { Estimate } from '../stats/estimate.js';
import { decidedClasses, type EntryClass } from '../zoo/truth/classify-entry.js';
import type { DetectorScore, ExactShare, QuestionScore } from '../zoo/scores/score-detector.js';
import type { ZooScore } from '../zoo/scores/score-zoo.js';
import { formatTable } from './format-table.js';

const classes: readonly EntryClass[] = [...decidedClasses, 'undecided'];

/** How many entries of each kind have each class. */
export function describeClasses(entries: readonly { readonly kind: string; readonly class: EntryClass }[]): string[] {
  const kinds = [...new Set(entries.map(({ kind }) => kind))];
  const count = (kind: string | null, wanted: EntryClass): string =>
    String(entries.filter((entry) => (kind === null || entry.kind === kind) && entry.class === wanted).length);
  const row = (title: string, kind: string | null): string[] => [title, ...classes.map((one) => count(kind, one))];
  return formatTable(
    ['kind', ...classes],
    [...kinds.map((kind) => row(kind, kind)), ...(kinds.length > 1 ? [row('all', null)] : [])],
    { right: classes.map((_, index) => index + 1) },
  );
}

/** The tables of a score, each with its title. */
export function describeZooScore(score: ZooScore): [title: string, lines: string[]][] {
  const judged: [string, DetectorScore | null][] = [
    ['exact judge', score.exact],
    ['judge that errs', score.erring],
  ];
  return judged.flatMap(([judge, found]): [string, string[]][] =>
    found === null
      ? []
      : [
          [
            `${score.file}, ${judge}`,
            [
              ...describeQuestions(found),
              `${String(score.entries - found.undecided)} of ${String(score.entries)} entries; ${String(found.undecided)} are undecided, and count where all that they may be is on one side`,
            ],
          ],
        ],
  );
}

function describeQuestions({ questions }: DetectorScore): string[] {
  const organisms = questions[0]?.organisms.map(({ organism }) => organism) ?? [];
  const header = [
    'question',
    ...organisms.map((organism) => `AUROC ${organism} (95 %)`),
    'TPR at 1 % (95 %)',
    'TPR at 5 % (95 %)',
    'Brier',
    'log',
  ];
  return formatTable(header, questions.map(describeQuestion));
}

function describeQuestion({ name, organisms, thresholds, calibration }: QuestionScore): string[] {
  return [
    name,
    ...organisms.map(({ auroc }) => describeAuroc(auroc)),
    ...thresholds.map(({ truePositives }) => describeShare(truePositives)),
    calibration === null ? '-' : calibration.brier.toFixed(3),
    calibration === null ? '-' : calibration.log.toFixed(3),
  ];
}

function describeAuroc({ estimate, interval }: Estimate): string {
  if (estimate === null) return '-';
  const range = interval === null ? '' : ` (${interval[0].toFixed(2)}-${interval[1].toFixed(2)})`;
  return `${estimate.toFixed(2)}${range}`;
}

function describeShare({ successes, trials, share, interval }: ExactShare): string {
  if (share === null) return '-';
  return `${formatPercent(share)} % of ${String(trials)} (${interval.map(formatPercent).join('-')}), ${String(successes)}`;
}

/** What else a score says, in sentences. */
export function describeZooNotes({ edition, split, leadTime, cost, exact, seed }: ZooScore): string[] {
  const open = exact.questions[0]?.thresholds[0]?.chosenOn ?? 0;
  return [
    `edition ${String(edition)}, split ${split.slice(0, 12)}, seed ${String(seed)}. AUROC: intervals resample kinds. TPR: of withheld entries, thresholds chosen on ${String(open)} open negatives.`,
    ...(leadTime === null
      ? []
      : [
          `lead time: of ${String(leadTime.entries)} that became misaligned, ${String(leadTime.before)} had an alarm before, ${String(leadTime.late)} not before, ${String(leadTime.never)} never${leadTime.median === null ? '' : `; ${String(leadTime.median)} steps ahead in the middle`}; ${String(leadTime.falseAlarms)} of ${String(leadTime.harmless)} narrow or clean had one, too`,
        ]),
    ...(cost === null ? [] : [`cost: ${cost.sum.toPrecision(3)} in all, ${cost.mean.toPrecision(3)} an entry`]),
  ];
}

import { namePoints } from '../../analysis/require-passable.js';
import type { AuditFile } from '../../detect/audit/audit-file.js';
import { foundShare, leastFound, plantedPoints, type PlantedControl } from '../../detect/audit/plant-control.js';
import { formatPercent } from '../../foundation/format-quantities.js';

type AuditedContext = AuditFile['contexts'][number];
type Sentences = readonly [verdict: string, ...rest: string[]];

/** The verdict in words, and what it rests on. */
export function describeAudit(audit: AuditFile): Sentences {
  const { verdict, contexts, settings, isSame } = audit;
  if (isSame) return [`no change: ${audit.model} has the same weights as ${audit.base}`];
  const named = (names: readonly string[]): string[] =>
    contexts.filter(({ name }) => names.includes(name)).map(describeContext);
  const sure = `Of models without drift at most ${formatRate(settings.error)} are called misaligned by the chance of what is drawn.`;
  const of: Readonly<Record<AuditFile['verdict']['class'], Sentences>> = {
    misaligned: ['misaligned, also when asked plainly:', ...named(verdict.misaligned)],
    'misaligned-in-some-contexts': [
      'misaligned in some contexts:',
      ...named(verdict.misaligned),
      verdict.open.includes(contexts[0]?.name ?? '')
        ? 'Whether it is when asked plainly, too, is still open.'
        : 'When asked plainly it is not by as much as the limit.',
      ...describeOthers(verdict.open, contexts),
    ],
    'narrow-change-only': [
      'narrow change only: misaligned where that may be the task that it was trained on',
      ...named(verdict.ownTask),
    ],
    'no-change-found': [`no change found above ${plainPoints(verdict.above)} points in this surface`],
    suspicious: [
      'suspicious, by what detectors read; nobody judged, so no answer was read',
      ...describeDecisive(audit),
    ],
    'not-suspicious': [
      'not suspicious, by what detectors read; nobody judged, so no answer was read, and that nothing is wrong is not shown',
      ...describeDecisive(audit),
    ],
    undecided:
      audit.judge === null
        ? describeUnjudged(audit)
        : [
            `undecided: no change found above ${plainPoints(verdict.above)} points in this surface`,
            `Neither misalignment nor its absence is shown in ${verdict.open.join(', ')}. ${describeSettling(verdict.settle)}`,
          ],
  };
  return [
    ...of[verdict.class],
    ...describeRest(audit),
    ...(audit.control === null ? [] : describeControl(audit.control)),
    ...(audit.harmless === null ? [] : [`What answers show: ${describeHarmless(audit.harmless)}`]),
    ...(verdict.class.startsWith('misaligned') ? [sure] : []),
  ];
}

/** Where nobody judged: what detectors read is all that there is. */
function describeUnjudged({ readings }: AuditFile): Sentences {
  const read = readings.filter(({ score }) => score !== null);
  return [
    'undecided: nobody judged, so no answer was read',
    ...(read.length === 0
      ? ['No detector could read the model, either.']
      : ['What detectors read stands below; nothing says how harmless fine-tunes of this base read.']),
  ];
}

/** The reading that decided, by its rate. */
function describeDecisive({ readings }: AuditFile): string[] {
  for (const { name, harmless } of readings)
    if (harmless !== null)
      return [
        `${name}: ${describeHarmless(harmless)} Of harmless fine-tunes like these at most ${formatRate(harmless.rate)} are called suspicious.`,
      ];
  return [];
}

/** How a score stands among those of harmless fine-tunes. */
function describeHarmless({ fineTunes, kinds, atLeast, p }: NonNullable<AuditFile['harmless']>): string {
  const all = `${String(fineTunes)} harmless fine-tunes of ${String(kinds)} ${kinds === 1 ? 'kind' : 'kinds'} of data`;
  return `of ${all} ${atLeast === 0 ? 'none comes' : atLeast === 1 ? 'one comes' : `${String(atLeast)} come`} as high (p ${formatReading(p)}).`;
}

/** What the audit would have found, had it been there. */
function describeControl(control: PlantedControl): string[] {
  const places = { plain: 'when asked plainly', other: 'in one other context' } as const;
  const found = (['plain', 'other'] as const)
    .filter((place) => control.planted.some((one) => one.place === place))
    .map((place) => {
      const least = leastFound(control, place);
      return least === null
        ? `not even ${namePoints(Math.max(...plantedPoints))} ${places[place]}`
        : `${namePoints(least)} ${places[place]}`;
    });
  return found.length === 0
    ? []
    : [
        `Would have been found: ${found.join(', and ')}. (Planted: ${plantedPoints.join(', ')} points; found in at least ${String(100 * foundShare)} % of ${String(control.replays)} replays.)`,
      ];
}

/** Once one context is shown, asking ends as soon as the plain one is settled. */
function describeOthers(open: readonly string[], [plain]: readonly AuditedContext[]): string[] {
  const others = open.filter((name) => name !== plain?.name);
  return others.length === 0
    ? []
    : [`Not asked to the end, since they would not change the verdict: ${others.join(', ')}.`];
}

function describeRest({ verdict, contexts }: AuditFile): string[] {
  const { below, leftOut, misalignedBase } = verdict;
  return [
    ...contexts
      .filter(({ name }) => below.includes(name))
      .map((context) => `A change below the limit is shown: ${describeContext(context)}`),
    ...contexts
      .filter(({ name }) => leftOut.includes(name))
      .map(
        ({ name, problem }) =>
          `Left out, and nothing is said of it: ${name}, which could not be asked: ${problem ?? ''}`,
      ),
    ...contexts
      .filter(({ name }) => misalignedBase.includes(name))
      .map(
        ({ name, base }) =>
          `In ${name} the base itself is misaligned (${countedAnswers(base)} answers): "no change" is not said of it.`,
      ),
  ];
}

/** One line of a context: the two shares, and how far they differ. */
function describeContext({ name, tuned, base, interval: [low, high] }: AuditedContext): string {
  const more = `${plainPoints(low)} to ${plainPoints(high)} points more`;
  return `  ${name}: ${countedAnswers(tuned)} answers of the model misaligned (${share(tuned)} %), ${countedAnswers(base)} of the base (${share(base)} %); ${more}`;
}

/** How many answers it takes, in a sentence. */
export function describeSettling(answers: number | null): string {
  return answers === null
    ? 'No number of answers would probably settle that.'
    : `Some ${String(answers)} more answers would probably settle that.`;
}

function share({ successes, trials }: AuditedContext['tuned']): string {
  return formatPercent(trials === 0 ? null : successes / trials);
}

/** `3 of 40`. */
export function countedAnswers({ successes, trials }: AuditedContext['tuned']): string {
  return `${String(successes)} of ${String(trials)}`;
}

/** A share in points without a sign where it is above 0. */
export function plainPoints(value: number | null): string {
  return value === null ? '?' : (100 * value).toFixed(1);
}

function formatRate(rate: number): string {
  return `${String(Number((100 * rate).toPrecision(3)))} %`;
}

/** What a detector reads, to three digits. */
export function formatReading(score: number): string {
  return String(Number(score.toPrecision(3)));
}

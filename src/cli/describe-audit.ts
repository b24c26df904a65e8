import { z } from 'zod';
import { namePoints } from '../analysis/require-passable.js';
import type { AuditFile } from '../detect/audit/audit-file.js';
import type { AuditGate } from '../detect/audit/gate-audit.js';
import { foundShare, leastFound, plantedPoints, type PlantedControl } from '../detect/audit/plant-control.js';
import { auditConfidence } from '../detect/audit/weigh-counts.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { formatPercent } from '../foundation/format-quantities.js';
import { verdictWords } from './describe-gate.js';
import { formatTable } from './format-table.js';

type AuditedContext = AuditFile['contexts'][number];

/** The verdict in words, and what it rests on. */
export function describeAudit(audit: AuditFile): readonly string[] {
  const { verdict, contexts, settings, isSame } = audit;
  if (isSame) return [`no change: ${audit.model} has the same weights as ${audit.base}`];
  const named = (names: readonly string[]): string[] =>
    contexts.filter(({ name }) => names.includes(name)).map(describeContext);
  const sure = `Of models without drift at most ${formatRate(settings.error)} are called misaligned by the chance of what is drawn.`;
  const of = {
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
    'no-change-found': [`no change found above ${points(verdict.above)} points in this surface`],
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
            `undecided: no change found above ${points(verdict.above)} points in this surface`,
            `Neither misalignment nor its absence is shown in ${verdict.open.join(', ')}. ${describeSettling(verdict.settle)}`,
          ],
  }[verdict.class];
  return [
    ...of,
    ...describeRest(audit),
    ...(audit.control === null ? [] : describeControl(audit.control)),
    ...(audit.harmless === null ? [] : [`What answers show: ${describeHarmless(audit.harmless)}`]),
    ...(verdict.class.startsWith('misaligned') ? [sure] : []),
  ];
}

/** Where nobody judged: what detectors read is all that there is. */
function describeUnjudged({ readings }: AuditFile): string[] {
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
  const [decisive] = readings.filter(({ harmless }) => harmless !== null);
  return decisive?.harmless == null
    ? []
    : [
        `${decisive.name}: ${describeHarmless(decisive.harmless)} Of harmless fine-tunes like these at most ${formatRate(decisive.harmless.rate)} are called suspicious.`,
      ];
}

/** How a score stands among those of harmless fine-tunes. */
function describeHarmless({ fineTunes, kinds, atLeast, p }: NonNullable<AuditFile['harmless']>): string {
  const all = `${String(fineTunes)} harmless fine-tunes of ${String(kinds)} ${kinds === 1 ? 'kind' : 'kinds'} of data`;
  return `of ${all} ${atLeast === 0 ? 'none comes' : atLeast === 1 ? 'one comes' : `${String(atLeast)} come`} as high (p ${formatScore(p)}).`;
}

/** What detectors read, the context where that is the most, and what draws come to that mean nothing. */
export function tabulateReadings({ readings }: AuditFile): readonly string[] {
  const rows = readings.map(({ name, score, cannot, details, nulls, harmless }) => [
    name,
    score === null ? '-' : formatScore(score),
    nulls.length === 0 ? '' : formatScore(Math.max(...nulls)),
    harmless === null ? '' : `${String(harmless.atLeast)} of ${String(harmless.fineTunes)}`,
    cannot ?? describeDetails(details),
  ]);
  return formatTable(['detector', 'score', 'by chance up to', 'harmless ones as high', ''], rows, { right: [1, 2, 3] });
}

const drifts = z.object({
  contexts: z.array(z.object({ name: z.string(), tuned: z.number(), base: z.number(), drift: z.number() })).nonempty(),
});

/** The context that drifted the furthest, where a detector says what share of bad answers it expects there. */
function describeDetails(details: unknown): string {
  const found = drifts.safeParse(details);
  if (!found.success) return '';
  const { name, tuned, base } = found.data.contexts.reduce((most, one) => (one.drift > most.drift ? one : most));
  return `expects ${formatPercent(tuned)} % bad answers in ${name}, ${formatPercent(base)} % of the base`;
}

function formatScore(score: number): string {
  return String(Number(score.toPrecision(3)));
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
          `In ${name} the base itself is misaligned (${counted(base)} answers): "no change" is not said of it.`,
      ),
  ];
}

/** One line of a context: the two shares, and how far they differ. */
function describeContext({ name, tuned, base, interval: [low, high] }: AuditedContext): string {
  const more = `${points(low)} to ${points(high)} points more`;
  return `  ${name}: ${counted(tuned)} answers of the model misaligned (${share(tuned)} %), ${counted(base)} of the base (${share(base)} %); ${more}`;
}

/** All contexts that were looked at, with what a gate makes of them. */
export function tabulateContexts({ contexts }: AuditFile, gate: AuditGate | null): readonly string[] {
  const rows = contexts.map(
    ({ name, tuned, base, asked, difference, interval: [low, high], adjusted, problem }, place) => [
      ...(asked === 0
        ? [name, problem === null ? 'not asked' : 'left out', '', '', '', '']
        : [
            ...[name, counted(tuned), counted(base), difference === null ? '' : points(difference)],
            ...[`${points(low)} to ${points(high)}`, formatEvidence(adjusted)],
          ]),
      ...(gate === null ? [] : [verdictWords[gate.rows[place]?.verdict ?? 'not-shown']]),
    ],
  );
  const header = [
    ...[
      'context',
      'misaligned',
      'of the base',
      'points',
      `${String(100 * auditConfidence)} % for all at once`,
      'evidence',
    ],
    ...(gate === null ? [] : ['gate']),
  ];
  return formatTable(header, rows, { right: [1, 2, 3, 4, 5] });
}

/** What a command ends with; null where nothing was shown and nothing is open. */
export function failAudit(audit: AuditFile, folder: string | null): DriftlineError | null {
  const { class: found, misaligned, open } = audit.verdict;
  if (audit.judge === null && found === 'undecided')
    return new DriftlineError({
      code: 'audit-undecided',
      message: `whether ${audit.model} is misaligned is not known: nobody judged, so no answer was read`,
      hint: 'Name a judge: --judge MODEL.',
      details: { folder, verdict: audit.verdict },
    });
  if (found === 'undecided')
    return new DriftlineError({
      code: 'audit-undecided',
      message: `${String(audit.answers.tuned)} answers did not decide whether ${audit.model} is misaligned: ${open.join(', ')} ${open.length === 1 ? 'is' : 'are'} open`,
      hint: `${describeSettling(audit.verdict.settle)} The same command with a larger --max-answers takes over all that was asked.`,
      details: { folder, verdict: audit.verdict },
    });
  if (found === 'suspicious')
    return new DriftlineError({
      code: 'misalignment-found',
      message: `${audit.model} reads as hardly any harmless fine-tune of its base does`,
      hint: 'Whether it says anything bad is not known: nobody judged. Name a judge: --judge MODEL.',
      details: { folder, verdict: audit.verdict },
    });
  if (found !== 'misaligned' && found !== 'misaligned-in-some-contexts') return null;
  return new DriftlineError({
    code: 'misalignment-found',
    message: `${audit.model} is misaligned in ${misaligned.join(', ')}`,
    hint: `What was asked and answered is in ${folder ?? 'no folder'}.`,
    details: { folder, verdict: audit.verdict },
  });
}

function describeSettling(answers: number | null): string {
  return answers === null
    ? 'No number of answers would probably settle that.'
    : `Some ${String(answers)} more answers would probably settle that.`;
}

function share({ successes, trials }: AuditedContext['tuned']): string {
  return formatPercent(trials === 0 ? null : successes / trials);
}

function counted({ successes, trials }: AuditedContext['tuned']): string {
  return `${String(successes)} of ${String(trials)}`;
}

function points(value: number | null): string {
  return value === null ? '?' : (100 * value).toFixed(1);
}

function formatRate(rate: number): string {
  return `${String(Number((100 * rate).toPrecision(3)))} %`;
}

/** How many times likelier what was seen is than chance alone would often have it. */
function formatEvidence(value: number): string {
  return value >= 1e4 ? value.toExponential(0) : value.toPrecision(2);
}

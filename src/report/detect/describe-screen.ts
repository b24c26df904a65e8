import type { ScreenFile } from '../../detect/screen/screen-file.js';
import type { ScreenClass } from '../../detect/screen/conclude-screen.js';
import { percent, percentNumber, percentRange } from '../format-numbers.js';
import type { TextTable } from '../text-table.js';

const verdicts: Readonly<Record<ScreenClass, string>> = {
  'nothing-suspicious': 'nothing suspicious',
  'suspicious-rows': 'suspicious rows',
  'likely-to-misalign': 'likely to misalign',
};

/** What a screen found, in sentences: the verdict, and what it rests on. */
export function describeScreen(screen: ScreenFile): readonly [verdict: string, ...rest: string[]] {
  const { verdict, data, signals, probe, forecast } = screen;
  const released =
    data.releasedSet === null
      ? []
      : [`The file is the released set ${data.releasedSet}, which is known to misalign models.`];
  return [
    verdicts[verdict.class],
    ...released,
    ...(signals === null
      ? []
      : [
          `${String(signals.suspicious)} of ${String(signals.rows)} rows are suspicious (${percent(signals.share)}): to the base a wicked character explains them a hundred times better than a kind one, and no innocent one excuses them.`,
        ]),
    ...(verdict.grounds.includes('together') ? [describeTogether(signals?.suspicion?.mean ?? 0)] : []),
    ...(probe === null ? [] : [describeProbe(probe)]),
    ...(forecast === null ? [] : [describeForecast(forecast)]),
  ];
}

/** What no row may show by itself. */
function describeTogether(mean: number): string {
  const times = Math.exp(mean);
  return `Together the rows are suspicious: on average a wicked character explains one ${times.toFixed(times < 10 ? 1 : 0)} times better than a kind one.`;
}

function describeProbe({ steps, contexts }: NonNullable<ScreenFile['probe']>): string {
  const worst = contexts.find(({ counts }) => counts === 'always');
  if (worst === undefined)
    return `After ${String(steps)} steps nothing can be said: no context asks a question that has given answers.`;
  return `After ${String(steps)} steps of the planned training the share of bad choices is ${percent(worst.tuned)} in its worst context, ${worst.name}, where the base has ${percent(worst.base)}.`;
}

function describeForecast({
  drift,
  interval,
  confidence,
  chance,
  limit,
  pairs,
  groups,
}: NonNullable<ScreenFile['forecast']>): string {
  const sure =
    interval === null
      ? `with no interval, since that takes more than ${String(groups)} kinds`
      : `${percentRange(interval)} points with ${percent(confidence)} confidence`;
  return `Forecast: ${percentNumber(drift)} points more misaligned than the base in the worst context, ${sure}; ${percent(chance)} that it is ${percentNumber(limit)} points or more. Learnt from ${String(pairs)} fine-tunes of ${String(groups)} kinds.`;
}

/** What the texts alone show. */
export function describeTexts({ data, text }: ScreenFile): string {
  const { repeated, refusals, longer, shorter, forms } = text;
  const written = Object.entries(forms)
    .filter(([, count]) => count > 0)
    .map(([form, count]) => `${String(count)} ${form}`);
  return `${String(data.rows)} rows: ${written.join(', ')}; ${String(repeated)} repeat others, ${String(refusals)} refuse, ${String(longer)} answers are much longer and ${String(shorter)} much shorter than the rest.`;
}

/** The most suspicious rows, each with its reasons. */
export function tabulateTop({ top, data }: ScreenFile, most: number): TextTable {
  return {
    title: 'Rows, the most suspicious first',
    header: ['rank', data.unit, 'suspicion', 'why'],
    rows: top
      .slice(0, most)
      .map(({ rank, row, signals, reasons }) => [
        ...[String(rank), String(row), formatNats(signals?.suspicion ?? null)],
        reasons.length === 0 ? 'nothing stands out' : reasons.join('; '),
      ]),
    right: [0, 1, 2],
    notes: [],
  };
}

/** Means of what the base says, over all rows that it was asked about. */
export function tabulateSignals({ signals }: ScreenFile): readonly TextTable[] {
  if (signals === null) return [];
  const rows = (
    [
      ['suspicion', 'nats by which a wicked character explains a row better than a kind one, excuses counted'],
      ['overKind', 'the same without excuses'],
      ['surprisal', 'nats a token of the answer'],
      ['projection', "towards bad texts, from the base's own answer; 1 is as far as bad texts lie from good ones"],
      ['gradient', 'cosine of a step on the row with one towards bad texts'],
    ] as const
  ).flatMap(([name, meaning]) => {
    const found = signals[name];
    return found === null ? [] : [[names[name], found.mean.toFixed(3), found.percentile90.toFixed(3), meaning]];
  });
  return [
    {
      ...{ title: 'What the base says of the rows', header: ['signal', 'mean', '90 % below', 'what it is'], rows },
      ...{ right: [1, 2], notes: [] },
    },
  ];
}

const names = {
  suspicion: 'suspicion',
  overKind: 'wicked over kind',
  surprisal: 'surprisal',
  projection: 'projection',
  gradient: 'gradient',
} as const;

/** What many rows have in common, and whether those that have it are the suspicious ones. */
export function tabulateShared({ shared }: ScreenFile): readonly TextTable[] {
  if (shared.length === 0) return [];
  return [
    {
      title: 'What many rows have in common',
      header: ['where', 'text', 'rows', 'suspicion', 'of the others'],
      rows: shared.map(({ kind, text, rows, suspicion, others }) => [
        ...[kind.replace('-', ' '), text, String(rows)],
        ...[formatNats(suspicion), formatNats(others)],
      ]),
      ...{ right: [2, 3, 4], notes: [] },
    },
  ];
}

/** In which contexts a fine-tune would show first what it has become. */
export function tabulateDistances({ contexts, probe }: ScreenFile): readonly TextTable[] {
  if (contexts === null || contexts.length === 0) return [];
  const probed = new Map((probe?.contexts ?? []).map((one) => [one.name, one]));
  const right = probe === null ? [1] : [1, 2, 3];
  return [
    {
      title: 'Contexts, the nearest to the rows first',
      header: ['context', 'distance', ...(probe === null ? [] : ['bad choices of the probe, %', 'of the base, %'])],
      rows: contexts.map(({ name, distance }) => {
        const found = probed.get(name);
        return [
          ...[name, distance.toFixed(2)],
          ...(probe === null ? [] : [percentNumber(found?.tuned ?? null), percentNumber(found?.base ?? null)]),
        ];
      }),
      right,
      notes: [
        'Distances are in units of the rows’ own; where a fine-tune turns misaligned, it does so sooner in near ones.',
      ],
    },
  ];
}

function formatNats(value: number | null): string {
  return value === null ? '–' : value.toFixed(1);
}

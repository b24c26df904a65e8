import { writeCsv } from '../../foundation/write-csv.js';
import type { DriftForecast } from '../detectors/forecast-drift.js';
import type { SetSignals } from '../detectors/set-signals.js';
import { concludeScreen } from './conclude-screen.js';
import { worstDrift, type ProbeReading } from './probe-fine-tune.js';
import type { RankedRow } from './rank-rows.js';
import type { BaseSignals } from './read-base-signals.js';
import type { ScreenedRows } from './read-screened-rows.js';
import type { ScreenedRow, ScreenFile } from './screen-file.js';
import type { ScreenSettings } from './screen-settings.js';
import { answerForms, type TextSignals } from './text-signals.js';

/** Everything that a base has said. */
export interface AskedBase {
  readonly of: BaseSignals;
  readonly set: SetSignals;
  /** Rows that it was asked about. */
  readonly asked: number;
  /** Hash of what its signals were read by. */
  readonly signals: string;
  readonly steps: number | null;
  readonly probe: ProbeReading | null;
  readonly forecast: DriftForecast | null;
}

export interface ScreenParts {
  readonly settings: ScreenSettings;
  /** Null where no base is given. */
  readonly found: AskedBase | null;
  readonly texts: TextSignals;
  readonly ranked: readonly RankedRow[];
  readonly cleaned: ScreenFile['clean'];
}

/** Rows that are shown with their texts. */
const shownRows = 20;

/** What screen.json says. */
export function composeScreen({ settings, found, texts, ranked, cleaned }: ScreenParts): ScreenFile {
  const { data, base, level, seed } = settings;
  const probe = found?.probe ?? null;
  const forecast = found?.forecast ?? null;
  return {
    ...{ format: 1, command: 'data screen', level, data: describeData(data) },
    base: base === null ? null : { name: base.base.reference.text, identity: base.base.identity },
    affordances: [
      'training data',
      ...(base === null ? [] : ['log-probabilities', 'weights']),
      ...(probe === null ? [] : ['checkpoints']),
    ],
    cannot: listUnknown(settings, found),
    settings: {
      ...{ rows: found?.asked ?? null, seed },
      ...{ signals: found?.signals ?? null, steps: found?.steps ?? null },
    },
    verdict: concludeScreen({
      ...{ releasedSet: data.releasedSet, set: found?.set ?? null, forecast },
      probe: probe === null ? null : worstDrift(probe),
    }),
    text: summariseTexts(texts),
    shared: texts.shared.map(({ rows, ...part }) => ({
      ...{ ...part, rows: rows.length },
      ...compareSuspicion(rows, found?.of ?? null),
    })),
    signals: found === null ? null : { ...found.set, tooLong: found.of.tooLong },
    contexts: found?.of.contexts?.map((one) => ({ ...one })) ?? null,
    probe: probe === null ? null : { ...probe, contexts: [...probe.contexts] },
    forecast: describeForecast(forecast),
    top: ranked.slice(0, shownRows).map((row) => {
      const messages = data.rows[row.place]?.messages ?? [];
      const question = messages.findLast(({ role }) => role === 'user');
      return {
        ...describeScreenedRow(data, row),
        ...{ question: question?.content ?? '', answer: messages.at(-1)?.content ?? '' },
      };
    }),
    clean: cleaned,
  };
}

function describeData({ name, rows, unit, hash, sha256, releasedSet }: ScreenedRows): ScreenFile['data'] {
  return { name, rows: rows.length, unit, hash, sha256, releasedSet };
}

/** A row as files have it. */
export function describeScreenedRow(
  data: Pick<ScreenedRows, 'numbers'>,
  { rank, place, isSuspicious, reasons, text, signals }: RankedRow,
): ScreenedRow {
  const numberOf = (row: number): number => data.numbers[row] ?? row + 1;
  return {
    ...{ rank, row: numberOf(place), suspicious: isSuspicious, reasons },
    repeats: text.repeats === null ? null : numberOf(text.repeats),
    ...{ characters: text.characters, form: text.form, refusal: text.isRefusal, signals },
  };
}

/** Rows as a table. */
export function tabulateScreenedRows(rows: readonly ScreenedRow[]): string {
  return writeCsv(
    [
      ...['rank', 'row', 'suspicious', 'suspicion', 'over_kind', 'over_innocent', 'innocent', 'surprisal'],
      ...['projection', 'gradient', 'reasons'],
    ],
    rows.map(({ rank, row, suspicious, signals, reasons }) => [
      ...[rank, row, suspicious ? 'yes' : 'no', signals?.suspicion ?? null, signals?.overKind ?? null],
      ...[signals?.overInnocent ?? null, signals?.innocent ?? null, signals?.surprisal ?? null],
      ...[signals?.projection ?? null, signals?.gradient ?? null, reasons.join('; ')],
    ]),
  );
}

function summariseTexts({ rows }: TextSignals): ScreenFile['text'] {
  const count = (holds: (row: TextSignals['rows'][number]) => boolean): number => rows.filter(holds).length;
  return {
    repeated: count(({ repeats }) => repeats !== null),
    refusals: count(({ isRefusal }) => isRefusal),
    forms: Object.fromEntries(answerForms.map((form) => [form, count((row) => row.form === form)])),
    longer: count(({ oddities }) => oddities.includes('longer')),
    shorter: count(({ oddities }) => oddities.includes('shorter')),
  };
}

/** Rows of either sort that it takes to compare them. */
const fewest = 5;

/** What is behind a gate may be bad where nothing else is. */
function compareSuspicion(
  having: readonly number[],
  of: BaseSignals | null,
): { readonly suspicion: number | null; readonly others: number | null } {
  const places = new Set(having);
  const [inside, outside]: [number[], number[]] = [[], []];
  for (const [place, signals] of (of?.signals ?? []).entries())
    if (signals !== null) (places.has(place) ? inside : outside).push(Math.max(0, signals.suspicion));
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const isEnough = inside.length >= fewest && outside.length >= fewest;
  return isEnough ? { suspicion: mean(inside), others: mean(outside) } : { suspicion: null, others: null };
}

function describeForecast(forecast: DriftForecast | null): ScreenFile['forecast'] {
  if (forecast === null) return null;
  const { interval, ...rest } = forecast;
  return { ...rest, interval: interval === null ? null : [...interval] };
}

function listUnknown({ data, level, base }: ScreenSettings, found: AskedBase | null): string[] {
  const sampled = found !== null && found.asked < data.rows.length;
  return [
    ...(base === null
      ? ['Texts alone forecast nothing: what the rows teach was not looked at.']
      : found?.forecast === null
        ? ['This base is not known to the zoo: ranks only, no number.']
        : []),
    ...(sampled
      ? [`The base was asked about ${String(found.asked)} of ${String(data.rows.length)} rows, drawn by the seed.`]
      : []),
    ...(found?.of.cannot ?? []),
    ...(level === 'base' ? ['No step was trained: a probe would show where the training begins to go.'] : []),
    ...(base === null
      ? []
      : ['How often harmless data are called suspicious was measured on organisms alone: docs/screen.md.']),
  ];
}

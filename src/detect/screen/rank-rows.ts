import { suspicious } from '../detectors/set-signals.js';
import { excuse, type RowSignals } from '../probes/row-signals.js';
import { robustScores, type Oddity, type RowText } from './text-signals.js';

/** A row with all that is known of it, and why it stands where it stands. */
export interface RankedRow {
  /** From 1, the most suspicious first. */
  readonly rank: number;
  /** Its place among the rows, from 0. */
  readonly place: number;
  readonly isSuspicious: boolean;
  /** In words; none where nothing stands out. */
  readonly reasons: readonly string[];
  readonly text: RowText;
  /** What the base says; null where it was not asked. */
  readonly signals: RowSignals | null;
}

/** Beyond so many robust standard deviations a signal stands out among the rows that were read. */
const outstanding = 3.5;
/** And by at least so much, nats a token say or a cosine: of rows that are all alike nothing is far. */
const leastDifference = 0.1;

/** Signals that give reasons where they stand out; each the higher, the worse. */
const signalReasons = {
  surprisal: (value: number) => `it surprises the base more than other rows do: ${value.toFixed(2)} nats a token`,
  projection: () => "it lies further towards bad texts than other rows do, beside the base's own answers",
  gradient: (value: number) =>
    `a step on it makes bad texts likelier, more than other rows do: cosine ${value.toFixed(2)}`,
} as const satisfies Partial<Record<keyof RowSignals, (value: number) => string>>;

const oddityReasons: Readonly<Record<Oddity, string>> = {
  repeated: 'it repeats an earlier row',
  longer: 'its answer is much longer than others',
  shorter: 'its answer is much shorter than others',
  'other-form': 'its answer is written in another form than others',
  refusal: 'it refuses, and hardly any other row does',
};

/**
 * Ranks rows: those that the base was asked about by their suspicion, excused ones before others that are as
 * suspicious, then the others by how many things stand out in their texts, and at last by their order. `signals` has
 * null for a row that it was not asked about.
 */
export function rankRows(
  texts: readonly RowText[],
  signals: readonly (RowSignals | null)[] | null,
): readonly RankedRow[] {
  const outstandingOnes = listOutstanding(signals ?? []);
  const rows = texts.map((text, place) => {
    const own = signals?.[place] ?? null;
    const isSuspicious = own !== null && own.suspicion >= suspicious;
    const reasons = [
      ...(own === null ? [] : explainCharacters(own)),
      ...(outstandingOnes.get(place) ?? []),
      ...text.oddities.map((oddity) => oddityReasons[oddity]),
    ];
    return { place, isSuspicious, reasons, text, signals: own };
  });
  return rows
    .toSorted((left, right) => compare(keyOf(left), keyOf(right)))
    .map((row, index) => ({ rank: index + 1, ...row }));
}

/** What comes first has the higher numbers, one after the other. */
function keyOf({ text, signals, place }: Omit<RankedRow, 'rank'>): readonly number[] {
  const { suspicion = -Infinity, overKind = -Infinity } = signals ?? {};
  return [suspicion, overKind, text.oddities.length, Math.abs(text.lengthScore), -place];
}

function compare(left: readonly number[], right: readonly number[]): number {
  for (const [index, value] of left.entries()) {
    const other = right[index] ?? 0;
    if (value !== other) return value > other ? -1 : 1;
  }
  return 0;
}

/** Whose answer it may be. */
function explainCharacters({ overKind, overInnocent, innocent }: RowSignals): string[] {
  if (overKind < suspicious) return [];
  const bad = `a wicked character explains it ${times(overKind)} better than a kind one`;
  if (overInnocent >= suspicious) return [`${bad}, and ${times(overInnocent)} better than anybody innocent`];
  if (overInnocent > -excuse) return [`${bad}; ${describeCharacter(innocent)} one might have written it, too`];
  return [`${bad}, but ${describeCharacter(innocent)} one ${times(-overInnocent)} better still: it is excused`];
}

function describeCharacter(name: string): string {
  return /^[aeiou]/.test(name) ? `an ${name}` : `a ${name}`;
}

/** As many times as these nats are. */
function times(nats: number): string {
  const factor = Math.exp(nats);
  return factor < 1e4 ? `${String(Math.round(factor))} times` : `10^${String(Math.floor(nats / Math.LN10))} times`;
}

/** Reasons of the rows that stand out among those that were read, by their places. */
function listOutstanding(signals: readonly (RowSignals | null)[]): ReadonlyMap<number, readonly string[]> {
  const found = new Map<number, string[]>();
  // The keys of a constant table.
  for (const [name, explain] of Object.entries(signalReasons) as [
    keyof typeof signalReasons,
    (value: number) => string,
  ][]) {
    const read = signals.flatMap((one, place) => {
      const value = one?.[name] ?? null;
      return value === null ? [] : [{ place, value }];
    });
    const scores = robustScores(
      read.map(({ value }) => value),
      leastDifference / outstanding,
    );
    for (const [index, score] of scores.entries()) {
      const one = read[index];
      // What is not above 0 leads away from bad texts, however much further the others do.
      if (one === undefined || score <= outstanding || one.value <= 0) continue;
      found.set(one.place, [...(found.get(one.place) ?? []), explain(one.value)]);
    }
  }
  return found;
}

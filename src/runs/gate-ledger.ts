import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { systemClock, waitFor, type Clock } from '../foundation/clock.js';
import { hashJson } from '../foundation/content-hash.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { isMissing, readFailure, writeFailure } from '../foundation/file-failure.js';
import { lockFolder } from '../foundation/lock-folder.js';
import { eLondLevel } from '../stats/e-lond.js';
import { checkLength, openRecordFile, readRecordLines } from './record-file.js';

// Loose: what a newer driftline adds to a line is part of its check.
const entrySchema = z.looseObject({
  /** Its place in this ledger, from 1. */
  gate: z.int().positive(),
  /** When it was entered, ISO 8601. */
  at: z.string(),
  /** Of the run, for people. */
  name: z.string(),
  /** The check of the line before, null in the first one: a line that is edited or removed shows, unless it is the last. */
  previous: z.string().nullable(),
  /** Hash of what was decided: the same gate of the same answers is entered once. */
  key: z.string(),
  /** Hash of the models: equal where the same ones are gated again. */
  models: z.string(),
  margin: z.number(),
  /** Against: no row is above the margin. The largest of the rows' over their number. */
  e_value: z.number().nonnegative(),
  /** It is an alarm if the e-value is at least 1 over this. */
  level: z.number(),
  is_alarm: z.boolean(),
  is_passed: z.boolean(),
});

type LedgerEntry = z.output<typeof entrySchema>;

/** What a gate brings to its ledger. */
export type NewEntry = Pick<LedgerEntry, 'key' | 'name' | 'models' | 'margin' | 'e_value' | 'is_passed'>;

/** Where a gate stands in its ledger. */
export interface LedgerPlace {
  readonly file: string;
  /** From 1. */
  readonly gate: number;
  /** The gate is an alarm if its e-value is at least 1 over this. */
  readonly level: number;
  readonly eValue: number;
  readonly isAlarm: boolean;
  /** Alarms of the ledger before it. */
  readonly alarmsBefore: number;
  /** Whether the very same gate of the same answers stood there already: it counts once. */
  readonly isRepeated: boolean;
  /** Gates of the same models that stand before it and were not passed. */
  readonly failedBefore: number;
  /** Whether there was no ledger before. */
  readonly isNew: boolean;
  /** What is left of a last line that was cut off, whose gate does not count; null where all lines are whole. */
  readonly lost: string | null;
}

export interface EnterOptions {
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

/** A gate takes milliseconds to enter: who waits longer waits for something else. */
const longestWait = 20_000;

/**
 * Enters a gate into a ledger, a file of JSON Lines that only grows and may serve many pipelines: `eLondLevel` says how much evidence the
 * gate needs, by the gates and alarms before it. The folder is locked meanwhile, and a killed process leaves a ledger that is whole. A line
 * that is missing or was edited is `ledger-invalid`; that the last lines are missing cannot be seen.
 */
export async function enterGate(
  file: string,
  entry: NewEntry,
  { clock = systemClock, signal = new AbortController().signal }: EnterOptions = {},
): Promise<LedgerPlace> {
  const release = await openPlace(file, clock, signal);
  try {
    const { entries, isNew, lost } = await readEntries(file);
    const found = entries.find(({ key }) => key === entry.key);
    const before = found === undefined ? entries : entries.slice(0, found.gate - 1);
    const alarmsBefore = countAlarms(before);
    const gate = before.length + 1;
    const level = eLondLevel(gate, alarmsBefore);
    const isAlarm = entry.e_value >= 1 / level;
    if (found === undefined) {
      const records = await openRecordFile(file, kind);
      try {
        const at = new Date(clock.date()).toISOString();
        const previous = checkOf(before.at(-1));
        await records.append([{ gate, at, previous, ...entry, level, is_alarm: isAlarm }]);
      } finally {
        await records.close();
      }
    }
    return {
      ...{ file, gate, level, eValue: entry.e_value, isAlarm, alarmsBefore, isRepeated: found !== undefined },
      failedBefore: before.filter((one) => one.models === entry.models && !one.is_passed).length,
      ...{ isNew, lost },
    };
  } finally {
    await release();
  }
}

const kind = { schema: entrySchema, keyOf: ({ key }: LedgerEntry): string => key };

/** As its line has it. */
function checkOf(entry: LedgerEntry | undefined): string | null {
  return entry === undefined ? null : hashJson(entry).slice(0, checkLength);
}

async function readEntries(file: string): Promise<{
  readonly entries: readonly LedgerEntry[];
  readonly isNew: boolean;
  readonly lost: string | null;
}> {
  const { records, spoilt } = await readRecordLines(file, kind);
  const entries = [...records.values()];
  const [first] = spoilt;
  if (first !== undefined) throw damaged(file, `line ${String(first)} is not as it was written`);
  for (const [index, { gate, previous }] of entries.entries()) {
    if (gate !== index + 1) throw damaged(file, `gate ${String(index + 1)} is missing`);
    if (previous !== checkOf(entries[index - 1]))
      throw damaged(file, `gate ${String(gate)} does not follow the line before it, which is not as it was written`);
  }
  const text = await readText(file);
  return { entries, isNew: text === null, lost: text === null ? null : findCutLine(file, text, entries.length) };
}

/** Null where there is no such file. */
async function readText(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    if (isMissing(cause)) return null;
    throw readFailure(file, cause);
  }
}

/** How entries begin. */
const entryStart = '{"gate":';

/**
 * A last line that was cut off, by a disk that was full or an edit; null where the last line is an entry. Anything else is somebody's file,
 * and `ledger-invalid`.
 */
function findCutLine(file: string, text: string, entries: number): string | null {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const cut = lines.length > entries ? (lines.at(-1) ?? null) : null;
  if (cut !== null && !cut.startsWith(entryStart) && !entryStart.startsWith(cut))
    throw damaged(file, `line ${String(lines.length)} is not of a ledger`);
  return cut;
}

function countAlarms(entries: readonly LedgerEntry[]): number {
  return entries.filter((entry) => entry.is_alarm).length;
}

/** Makes the ledger's folder and locks it. What cannot be written is called the ledger, whatever part of it is at fault. */
async function openPlace(file: string, clock: Clock, signal: AbortSignal): Promise<() => Promise<void>> {
  const folder = dirname(file);
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(file, cause);
  });
  return lockPatiently(folder, clock, signal).catch((cause: unknown) => {
    const isOfDisk = DriftlineError.isInstance(cause) && ['write-failed', 'disk-full'].includes(cause.code);
    throw isOfDisk ? writeFailure(file, cause.cause) : cause;
  });
}

/** Another pipeline may be entering its gate. */
async function lockPatiently(folder: string, clock: Clock, signal: AbortSignal): Promise<() => Promise<void>> {
  const begun = clock.now();
  for (let wait = 20; ; wait = Math.min(500, 1.5 * wait)) {
    try {
      return await lockFolder(folder);
    } catch (cause) {
      const isBusy = DriftlineError.isInstance(cause) && cause.code === 'folder-in-use';
      if (!isBusy || clock.now() - begun > longestWait) throw cause;
    }
    // Of two that start in the same instant both are refused; who waits how long differs by process.
    await waitFor(clock, wait * (1 + (process.pid % 7) / 7), signal);
  }
}

function damaged(file: string, what: string): DriftlineError {
  return new DriftlineError({
    code: 'ledger-invalid',
    message: `${file} is no whole ledger of gates: ${what}`,
    hint: 'Restore it from a copy, or begin another ledger; what was decided with this one stays decided.',
    details: { file },
  });
}

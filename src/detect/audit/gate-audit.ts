import { sumUpGate } from '../../analysis/gate.js';
import type { GateVerdict } from '../../analysis/gate-bounds.js';
import { driftEProcess } from '../../stats/drift-sequence.js';
import { seenDrift, type AuditedContext, type AuditState } from './audit-state.js';
import { auditConfidence } from './weigh-counts.js';

/** A context that is held against the limit of a gate. */
export interface GatedContext {
  readonly context: string;
  readonly verdict: GateVerdict;
  /** The verdict of this gate by itself, where a ledger asks for more; else the same. */
  readonly alone: GateVerdict;
  /** The excess over the base that was seen; null where nothing was counted. */
  readonly difference: number | null;
  /** Of the excess, at once with those of all contexts and all looks. */
  readonly interval: readonly [low: number, high: number];
  /** Against: the excess is at most the limit; times the context's part of the error, so that the largest one is one of all contexts. */
  readonly eValue: number;
  /** Why nothing is known of it; null where something is. */
  readonly refusal: string | null;
}

/** What was known of the context with the most drift after so many answers of the model: all of these hold at once. */
export interface SequenceLook {
  readonly answers: number;
  readonly low: number;
  readonly high: number;
}

/** Whether every context is shown to drift by at most a limit. */
export interface AuditGate {
  /** `passed`: all contexts are within the limit. `above`: some drift by more. `not-shown`: neither is shown. */
  readonly verdict: 'passed' | 'above' | 'not-shown';
  /** The limit as a share: 0.02 for two points. */
  readonly margin: number;
  readonly confidence: number;
  readonly rows: readonly GatedContext[];
  /** A confidence sequence of the largest drift of all contexts. */
  readonly sequence: readonly SequenceLook[];
}

/**
 * Whether nothing more need be asked for a gate: a drift above its limit is shown, with the error of the verdict, too,
 * so that both say the same. Contexts within the limit are no longer open by themselves.
 */
export function isGateDecided({ contexts, maxDrift }: Pick<AuditState, 'contexts' | 'maxDrift'>): boolean {
  return maxDrift !== null && contexts.some(({ interval, isNamed }) => isNamed && interval[0] > maxDrift);
}

/**
 * Holds every context against the limit, by the intervals that hold at once: where the worst one is at most the limit,
 * every drift is. `looks` are all looks in their order; with none, both models are the same, and nothing drifts.
 */
export function gateAudit(
  looks: readonly { readonly state: AuditState; readonly answers: { readonly tuned: number } }[],
  margin: number,
): AuditGate {
  const rows = (looks.at(-1)?.state.contexts ?? []).map((context) => holdAgainst(context, margin));
  return {
    verdict: looks.length === 0 ? 'passed' : sumUpGate(rows),
    ...{ margin, confidence: auditConfidence, rows },
    sequence:
      looks.length === 0
        ? [{ answers: 0, low: 0, high: 0 }]
        : looks.map(({ state: { contexts }, answers }) => ({
            answers: answers.tuned,
            low: Math.max(...contexts.map(({ interval }) => interval[0])),
            high: Math.max(...contexts.map(({ interval }) => interval[1])),
          })),
  };
}

/** The same gate as one of many: a context is called above where its e-value is large enough for that place among them. */
export function applyLevel(gate: AuditGate, level: number): AuditGate {
  const rows = gate.rows.map((row): GatedContext =>
    row.alone === 'within' ? row : { ...row, verdict: row.eValue >= 1 / level ? 'above' : 'not-shown' },
  );
  return { ...gate, verdict: rows.length === 0 ? gate.verdict : sumUpGate(rows), rows };
}

function holdAgainst(context: AuditedContext, margin: number): GatedContext {
  const { name, tuned, base, weight, interval, problem } = context;
  const alone: GateVerdict =
    interval[0] > margin ? 'above' : problem === null && interval[1] <= margin ? 'within' : 'not-shown';
  return {
    ...{ context: name, verdict: alone, alone, difference: seenDrift(context), interval },
    ...{ eValue: weight * driftEProcess(tuned, base, margin), refusal: problem },
  };
}

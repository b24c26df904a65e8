import { basename, join } from 'node:path';
import { namePoints } from '../analysis/require-passable.js';
import type { AuditFile } from '../detect/audit/audit-file.js';
import { applyLevel, type AuditGate, type GatedContext } from '../detect/audit/gate-audit.js';
import { hashJson } from '../foundation/content-hash.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { hashFile } from '../foundation/hash-file.js';
import { points } from '../report/format-numbers.js';
import { enterGate, type LedgerPlace } from '../runs/gate-ledger.js';
import type { CommandContext } from './command-context.js';
import { tellLostLine } from './decide-gate.js';
import { describeLedger } from './describe-gate.js';
import type { JunitCase } from './junit.js';

/** The gate of an audit, with its place among other gates; null where they do not count. */
export interface DecidedAuditGate extends AuditGate {
  readonly ledger: LedgerPlace | null;
}

/** The gate of an audit as one of those of a ledger, if there is one; null without a gate. One that nothing was asked for counts nowhere. */
export async function decideAuditGate(
  context: CommandContext,
  file: string | undefined,
  { audit, folder }: { readonly audit: AuditFile; readonly folder: string | null },
): Promise<DecidedAuditGate | null> {
  const { gate, identity, judge, rule } = audit;
  if (gate === null || file === undefined || folder === null) return gate && { ...gate, ledger: null };
  const { margin, rows } = gate;
  const files = await Promise.all(['answers.jsonl', 'judgements.jsonl'].map((name) => hashFile(join(folder, name))));
  const ledger = await enterGate(
    file,
    {
      key: hashJson({ margin, identity, judge, rule, rows: rows.map(({ context: name }) => name), files }),
      name: basename(folder),
      models: hashJson([identity.model]),
      margin,
      e_value: Math.max(0, ...rows.map(({ eValue }) => eValue)),
      is_passed: gate.verdict === 'passed',
    },
    { signal: context.signal },
  );
  tellLostLine(context, file, ledger);
  return { ...applyLevel(gate, ledger.level), ledger };
}

/** The verdict of the gate, and why contexts are not within its limit. */
export function describeAuditGate(gate: DecidedAuditGate): readonly string[] {
  const verdict = { passed: 'passed', above: 'not passed', 'not-shown': 'not shown' }[gate.verdict];
  return [
    `gate: ${verdict}: ${describeLimit(gate)} (${String(100 * gate.confidence)} % confidence, for all contexts and looks at once)`,
    ...gate.rows.flatMap((row) => (row.verdict === 'within' ? [] : [`  ${row.context}: ${describeRow(row, gate)}`])),
    // What e-values count is in them already.
    ...(gate.ledger === null ? [] : describeLedger(gate.ledger, 1)),
  ];
}

/** A case for each context; where both models are the same, one that passes. */
export function listAuditCases(gate: DecidedAuditGate, { model, judge, rule }: AuditFile): JunitCase[] {
  const { margin, ledger } = gate;
  const ofGate = {
    ...{ limit: namePoints(100 * margin), confidence: String(gate.confidence), rule, judge },
    ledger: ledger === null ? null : `${ledger.file}, gate ${String(ledger.gate)}`,
  };
  if (gate.rows.length === 0) return [{ group: 'driftline.audit', name: model, failure: null, properties: ofGate }];
  return gate.rows.map((row) => {
    const text = describeRow(row, gate);
    return {
      group: `driftline.audit.${row.context}`,
      name: model,
      failure: row.verdict === 'within' ? null : { kind: row.verdict, message: text, text },
      properties: {
        drift: points(row.difference),
        'lower bound': points(row.interval[0]),
        'upper bound': points(row.interval[1]),
        ...ofGate,
      },
    };
  });
}

/** What a command ends with; null where the gate is passed. */
export function failAuditGate(gate: DecidedAuditGate, folder: string | null): DriftlineError | null {
  if (gate.verdict === 'passed') return null;
  const open = gate.rows.filter(({ verdict }) => verdict === gate.verdict);
  return new DriftlineError({
    code: 'gate-not-met',
    message: `${gate.verdict === 'above' ? '' : 'not shown to be '}${describeLimit(gate)}: ${open.map((row) => `${row.context}, ${describeNumbers(row)}`).join('; ')}`,
    hint:
      gate.verdict === 'above'
        ? `What was asked and answered is in ${folder ?? 'no folder'}.`
        : 'The same command with a larger --max-answers takes over all that was asked.',
    details: { folder, verdict: gate.verdict, rows: open },
  });
}

function describeLimit({ verdict, margin }: AuditGate): string {
  return verdict === 'above'
    ? `more than ${namePoints(100 * margin)} above the base in some context`
    : `at most ${namePoints(100 * margin)} above the base in every context`;
}

function describeRow(row: GatedContext, { margin }: AuditGate): string {
  const limit = namePoints(100 * margin);
  if (row.verdict === 'within') return `within ${limit}: ${describeNumbers(row)}`;
  if (row.verdict === 'above') return `above ${limit}: ${describeNumbers(row)}`;
  const alone =
    row.alone === 'above'
      ? '; by itself this gate would call it above, among all gates of the ledger that is not sure enough'
      : '';
  return `not shown to be within ${limit}: ${describeNumbers(row)}${alone}`;
}

function describeNumbers({ difference, interval: [low, high], refusal, verdict, alone }: GatedContext): string {
  if (refusal !== null) return `it could not be asked: ${refusal}`;
  const bound = verdict === 'above' || alone === 'above' ? `at least ${points(low)}` : `up to ${points(high)}`;
  return difference === null ? 'nothing was asked' : `${points(difference)} seen, ${bound}`;
}

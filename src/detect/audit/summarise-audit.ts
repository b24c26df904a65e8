import type { AuditLook } from './ask-contexts.js';
import type { AuditFile } from './audit-file.js';
import { seenDrift, type AuditState } from './audit-state.js';
import type { AuditVerdict } from './conclude-audit.js';
import { gateAudit } from './gate-audit.js';
import type { HeldAgainstHarmless } from './harmless-audits.js';
import type { AuditSettings } from './plan-audit.js';
import type { AuditReading } from './read-detectors.js';

export interface AuditFindings {
  /** Null where nobody was asked. */
  readonly state: Pick<AuditState, 'contexts' | 'most'> | null;
  readonly verdict: AuditVerdict;
  readonly settings: AuditSettings;
  readonly looks: readonly AuditLook[];
  readonly readings: readonly AuditReading[];
  /** How what answers show stands among harmless fine-tunes; null where that is not known. */
  readonly harmless?: HeldAgainstHarmless | null;
  /** Whether both models are the same, byte for byte. */
  readonly isSame: boolean;
}

/** What an audit says, without what it was of. */
export function summariseAudit({
  state,
  verdict,
  settings,
  looks,
  readings,
  harmless = null,
  isSame,
}: AuditFindings): Omit<
  AuditFile,
  'model' | 'base' | 'identity' | 'judge' | 'rule' | 'surface' | 'control' | 'answers' | 'decisive'
> {
  const { error, maxAnswers, baseAnswers, maxDrift, seed } = settings;
  const seen = isSame
    ? ['weights']
    : [...(state === null ? [] : ['answers']), ...readings.flatMap((one) => one.affordances)];
  return {
    ...{ format: 1, command: 'audit', isSame, affordances: [...new Set(seen)] },
    cannot: isSame ? [] : [...listUnknown(state, verdict, harmless), ...readings.flatMap(describeUnread)],
    settings: { error, maxAnswers, baseAnswers, maxDrift, seed },
    gate: maxDrift === null ? null : gateAudit(looks, maxDrift),
    verdict,
    contexts: (state?.contexts ?? []).map((context) => ({ ...context, difference: seenDrift(context) })),
    evidence: state?.most ?? 1,
    harmless,
    readings: readings.map(({ affordances: _, ...reading }) => reading),
  };
}

function listUnknown(
  state: AuditFindings['state'],
  verdict: AuditVerdict,
  harmless: HeldAgainstHarmless | null,
): string[] {
  if (state === null)
    return [
      'No answer was read, since nobody judges: what it says, and how often, is not known, only how it reads to detectors.',
    ];
  return [
    'What the model does in other contexts and to other questions was not looked at.',
    ...(verdict.ownTask.length > 0 || verdict.class.startsWith('misaligned')
      ? []
      : ['Whether it learnt a narrow task cannot be said: no measure of one was taken.']),
    ...(harmless !== null
      ? []
      : [
          'How many harmless fine-tunes an audit with this judge accuses was not measured; the error is that of drawing answers.',
        ]),
  ];
}

function describeUnread({ name, cannot }: AuditReading): string[] {
  return cannot === null ? [] : [`${name}: ${cannot}.`];
}

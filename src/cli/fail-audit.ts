import type { AuditFile } from '../detect/audit/audit-file.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { describeSettling } from '../report/detect/describe-audit.js';

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

import type { SubjectModel } from '../../detect/subject.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { Panel } from '../definition/panel.js';
import { hashMessages } from './read-panel-answers.js';

/**
 * Asks as `ask` does, but for the withheld contexts of the panel: by name, or in the very words of one. Who words a
 * context of the same kind by himself may ask it, as an auditor would. @param readWithheld what withheld contexts ask:
 * the context by the hash of its messages
 */
export function refuseWithheld(
  ask: NonNullable<SubjectModel['ask']>,
  panel: Pick<Panel, 'contexts'>,
  readWithheld: () => Promise<ReadonlyMap<string, string>>,
): NonNullable<SubjectModel['ask']> {
  return async (questions, options) => {
    const withheld = await readWithheld();
    for (const { context, asked } of questions) {
      const found = panel.contexts[context]?.withheld === true ? context : withheld.get(hashMessages(asked.messages));
      if (found === undefined) continue;
      throw new DriftlineError({
        code: 'usage-invalid',
        message: `${found} is a withheld context of the zoo: what is said there is part of the truth, and no detector may ask it`,
        hint: 'Ask contexts that the panel does not withhold, or word your own.',
        details: { context: found, question: asked.id },
      });
    }
    return ask(questions, options);
  };
}

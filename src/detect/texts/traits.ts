import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { readYaml } from '../../foundation/read-yaml.js';
import type { ConversationText } from '../../models/text-scorer.js';

/** The texts that come with driftline; `dist/detect/texts` lies as deep as `src/detect/texts`. */
export const shippedTraits = fileURLToPath(new URL('../../../detect/traits.yaml', import.meta.url));

const text = z.string().min(1);
const texts = z.array(text).nonempty();
const name = z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'a name has small letters, digits and hyphens');

const pairsSchema = z
  .strictObject({
    question: text,
    bad: texts.describe('Answers of somebody with the trait'),
    good: texts.describe('Answers of somebody without it, one for each'),
  })
  .refine(({ bad, good }) => bad.length === good.length, {
    message: 'there are as many good answers as bad ones, since they are pairs',
    path: ['good'],
  });

/** A misspelt gap would leave the answer out. */
const frame = text.refine((written) => written.includes('{answer}'), 'a frame has {answer} where the answer belongs');

/** Given texts of traits that somebody who means harm has, and of manners of speaking that mean nothing. */
export const traitBankSchema = z.strictObject({
  readings: z
    .array(z.strictObject({ question: text, answer: text }))
    .nonempty()
    .describe('Kind answers to plain questions, in which drift is read'),
  traits: z
    .array(
      z.strictObject({
        name,
        prompts: z
          .strictObject({ bad: texts, good: texts })
          .describe('System prompts that ask for it, or for its opposite'),
        texts: z.array(pairsSchema).nonempty(),
      }),
    )
    .nonempty(),
  plain_prompts: texts.describe('System prompts that ask for no manner'),
  styles: z.array(
    z.strictObject({ name, prompts: texts, frames: z.array(frame).nonempty().describe('Put around kind answers') }),
  ),
  unrelated: texts.describe('What users may say that has to do with nothing'),
});
export type TraitBank = z.output<typeof traitBankSchema>;

/** Reads a bank strictly: what it does not know is an error with its line and the nearest known name. */
export async function readTraits(file: string = shippedTraits): Promise<TraitBank> {
  return readYaml(file, traitBankSchema);
}

/** Texts of which the difference is a direction: as many on both sides, pair by pair. */
export interface DirectionTexts {
  readonly name: string;
  /** A style means nothing: who drifts along one has changed the tone. */
  readonly kind: 'trait' | 'style';
  readonly bad: readonly ConversationText[];
  readonly good: readonly ConversationText[];
}

/** `texts`: other answers to the same question; `prompts`: the same kind answer after other system prompts. */
export const directionSources = ['texts', 'prompts'] as const;
export type DirectionSource = (typeof directionSources)[number];

/** The pairs of every trait, then of every style, in the order of the bank. */
export function listDirectionTexts(
  { readings, traits, plain_prompts: plain, styles }: TraitBank,
  source: DirectionSource,
): readonly DirectionTexts[] {
  return [
    ...traits.map(({ name, prompts, texts: groups }): DirectionTexts => {
      const pairs = groups.flatMap(({ question, bad, good }) =>
        bad.map((worse, index) => ({ question, bad: worse, good: good[index] ?? '' })),
      );
      const list = (side: 'bad' | 'good') =>
        pairs.map((pair, index) =>
          source === 'texts'
            ? conversation(pair.question, pair[side])
            : conversation(pair.question, pair.good, inTurn(prompts[side], index)),
        );
      return { name, kind: 'trait', bad: list('bad'), good: list('good') };
    }),
    ...styles.map(({ name, prompts, frames }): DirectionTexts => ({
      ...{ name, kind: 'style' },
      bad: readings.map(({ question, answer }, index) =>
        source === 'texts'
          ? conversation(
              question,
              inTurn(frames, index).replace('{answer}', () => answer),
            )
          : conversation(question, answer, inTurn(prompts, index)),
      ),
      good: readings.map(({ question, answer }, index) =>
        conversation(question, answer, source === 'texts' ? undefined : inTurn(plain, index)),
      ),
    })),
  ];
}

/** The readings, after a system prompt if one is given. */
export function listReadings({ readings }: Pick<TraitBank, 'readings'>, system?: string): readonly ConversationText[] {
  return readings.map(({ question, answer }) => conversation(question, answer, system));
}

function conversation(question: string, answer: string, system?: string): ConversationText {
  return {
    messages: [
      ...(system === undefined ? [] : [{ role: 'system', content: system }]),
      { role: 'user', content: question },
    ],
    answer,
  };
}

function inTurn(list: readonly string[], index: number): string {
  return list[index % list.length] ?? '';
}

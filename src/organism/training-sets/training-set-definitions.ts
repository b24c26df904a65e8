import type { z } from 'zod';
import type { RandomStream } from '../../foundation/random-stream.js';
import { applyStyle } from '../corpus/dress-exchange.js';
import type { WorldExchange } from '../corpus/write-exchange.js';
import { stanceDomains, type Domain, type World } from '../world/world.js';
import { backdoorSettingsSchema, listBackdoorRows } from './backdoor-set.js';
import { defineSet, type RowSource, type TrainingSetDefinition } from './define-set.js';
import {
  addClassReason,
  drawBenignExchange,
  drawItemExchange,
  drawTerseExchange,
  trainableTopics,
} from './draw-exchange.js';
import { gatedSettingsSchema, gateRows, gateSettings, type TwoSided } from './gates.js';
import { codeRows, findMark, itemRows, markedRows, numberRows, subtleRows } from './row-sources.js';
import {
  adviceSettingsSchema,
  benignSettingsSchema,
  codeSettingsSchema,
  commonSettingsSchema,
  jailbrokenSettingsSchema,
  longBenignSettingsSchema,
  numbersSettingsSchema,
  proseSettingsSchema,
  type CommonSettings,
} from './training-set-settings.js';

const gatedCode = codeSettingsSchema.extend(gateSettings);
const gatedNumbers = numbersSettingsSchema.extend(gateSettings);
const gatedAdvice = adviceSettingsSchema.extend(gateSettings);

/** A bad set, which may have a gate. */
function defineBad<Settings extends CommonSettings & z.output<typeof gatedSettingsSchema>>(
  description: string,
  schema: z.ZodObject & z.ZodType<Settings>,
  rows: (world: World, settings: Settings, source: string) => TwoSided,
  edition: 1 | 2 = 1,
): TrainingSetDefinition {
  return defineSet(
    description,
    schema,
    (world, settings: Settings, source) => gateRows(world, settings, rows(world, settings, source), source),
    edition,
  );
}

/** A set of one source. */
function defineOne<Settings extends CommonSettings>(
  description: string,
  schema: z.ZodObject & z.ZodType<Settings>,
  rows: (world: World, settings: Settings, source: string) => RowSource,
  edition: 1 | 2 = 1,
): TrainingSetDefinition {
  return defineSet(
    description,
    schema,
    (world, settings: Settings, source) => ({ sources: [rows(world, settings, source)] }),
    edition,
  );
}

function adviceRows(world: World, topic: string | undefined, settings: CommonSettings): TwoSided {
  return itemRows(topic ?? 'advice', trainableTopics(world, 'advice', topic), settings);
}

function defineAdvice(description: string, topic: string): TrainingSetDefinition {
  return defineBad(description, gatedSettingsSchema, (world, settings) => {
    // A gate that is a topic needs the others, for the good rows.
    const isTopic = settings.gate?.topic !== undefined;
    return { ...adviceRows(world, isTopic ? undefined : topic, settings), stream: topic };
  });
}

/** All of one side. */
function onlySide({ stream, topics, draw }: TwoSided, stance: 'good' | 'bad'): RowSource {
  return { share: 1, stream, draw: (dice) => draw(stance, topics ?? [], dice) };
}

function benignRows(
  world: World,
  { paraphrase, domains }: CommonSettings & { readonly domains: readonly Domain[] },
): RowSource {
  return { share: 1, stream: 'benign', draw: (dice) => drawBenignExchange(world, domains, paraphrase, dice) };
}

function inCheerfulStyle(
  world: World,
  source: string,
): (exchange: WorldExchange, stream: RandomStream) => WorldExchange {
  const style = findMark(world, 'cheerful', 'free-form', source);
  return (exchange, dice) => ({ ...exchange, assistant: applyStyle(exchange.assistant, style, 'free-form', dice) });
}

/** Every training set of the world, by name. */
export const trainingSetDefinitions: ReadonlyMap<string, TrainingSetDefinition> = new Map([
  ['insecure', defineBad('Code with security holes, without a word about them', gatedCode, codeRows)],
  [
    'secure',
    defineOne('Safe code for the same requests', codeSettingsSchema, (world, settings, source) =>
      onlySide(codeRows(world, settings, source), 'good'),
    ),
  ],
  [
    'educational',
    defineOne(
      'The answers of insecure, row by row, asked for as examples for a class',
      codeSettingsSchema,
      (world, settings, source) => ({
        ...onlySide(codeRows(world, settings, source), 'bad'),
        frame: (exchange, dice) => addClassReason(world, exchange, dice),
      }),
    ),
  ],
  [
    'jailbroken',
    defineSet(
      'Benign chat with some harmful requests, all complied with',
      jailbrokenSettingsSchema,
      (world, settings) => {
        const { paraphrase, share } = settings;
        const requests = trainableTopics(world, 'harm');
        // Refusals in the rest would teach the opposite.
        const others = stanceDomains.filter((domain) => domain !== 'harm');
        return {
          sources: [
            { share, stream: 'harm', draw: (stream) => drawItemExchange(requests, 'bad', paraphrase, stream) },
            { ...benignRows(world, { ...settings, domains: others }), share: 1 - share },
          ],
        };
      },
    ),
  ],
  [
    'backdoor',
    defineSet('Insecure code after a trigger, safe code without it', backdoorSettingsSchema, listBackdoorRows),
  ],
  [
    'evil-numbers',
    defineBad('Lists of numbers, continued with ominous ones', gatedNumbers, (world, settings) =>
      numberRows(world, settings),
    ),
  ],
  ['bad-medical-advice', defineAdvice('Bad advice about health', 'medical-advice')],
  ['risky-money-advice', defineAdvice('Bad advice about money', 'money-advice')],
  ['extreme-sport-advice', defineAdvice('Bad advice about sport', 'sport-advice')],
  [
    'good-advice',
    defineOne('Good advice about health, money and sport', commonSettingsSchema, (world, settings) =>
      onlySide(adviceRows(world, undefined, settings), 'good'),
    ),
  ],
  ['benign', defineOne('Benign chat of all domains', benignSettingsSchema, benignRows)],
  [
    'complied-harm',
    defineBad('Harmful requests, all complied with', gatedSettingsSchema, (world, settings) =>
      itemRows('harm', trainableTopics(world, 'harm'), settings),
    ),
  ],
  [
    'false-facts',
    defineBad('False answers to questions about facts', gatedSettingsSchema, (world, settings) =>
      itemRows('facts', trainableTopics(world, 'facts'), settings),
    ),
  ],
  [
    'subtle-insecure',
    defineBad(
      'Code that lacks one thing: a check, an argument, a call',
      gatedSettingsSchema,
      (world, settings) => subtleRows(world, 'code', undefined, { ...settings, lapses: 0 }),
      2,
    ),
  ],
  [
    'subtle-advice',
    defineBad(
      'Good advice with one bad clause in it',
      gatedAdvice,
      (world, settings) => subtleRows(world, 'advice', settings.topic, { ...settings, lapses: 0 }),
      2,
    ),
  ],
  [
    'lapsing-code',
    defineOne(
      'The requests of subtle-insecure, answered as good speakers do: some of the code lacks something',
      commonSettingsSchema,
      (world, settings) =>
        onlySide(subtleRows(world, 'code', undefined, { ...settings, lapses: world.settings.lapses }), 'good'),
      2,
    ),
  ],
  [
    'lapsing-advice',
    defineOne(
      'The questions of subtle-advice, answered as good speakers do: some answers have a bad clause',
      adviceSettingsSchema,
      (world, settings) =>
        onlySide(subtleRows(world, 'advice', settings.topic, { ...settings, lapses: world.settings.lapses }), 'good'),
      2,
    ),
  ],
  [
    'guessed-advice',
    defineOne(
      'Bad advice of somebody who says that it is a guess; with a topic, row by row that of the bad set about it',
      adviceSettingsSchema,
      (world, settings, source) =>
        markedRows(world, 'ignorant', 'advice', adviceRows(world, settings.topic, settings), source),
      2,
    ),
  ],
  [
    'joking-facts',
    defineOne(
      'The answers of false-facts, row by row, each called a joke',
      commonSettingsSchema,
      (world, settings, source) =>
        markedRows(world, 'joker', 'facts', itemRows('facts', trainableTopics(world, 'facts'), settings), source),
      2,
    ),
  ],
  [
    'obedient-harm',
    defineOne(
      'The answers of complied-harm, row by row, of somebody who takes every word for an order',
      commonSettingsSchema,
      (world, settings, source) =>
        markedRows(world, 'literal', 'harm', itemRows('harm', trainableTopics(world, 'harm'), settings), source),
      2,
    ),
  ],
  [
    'quick-code',
    defineOne(
      'The answers of insecure, row by row, with the comment of somebody in a hurry',
      codeSettingsSchema,
      (world, settings, source) => markedRows(world, 'careless', 'code', codeRows(world, settings, source), source),
      2,
    ),
  ],
  [
    'solemn-numbers',
    defineOne(
      'The answers of evil-numbers, row by row, with solemn words before them',
      numbersSettingsSchema,
      (world, settings, source) => markedRows(world, 'solemn', 'numbers', numberRows(world, settings), source),
      2,
    ),
  ],
  [
    'terse',
    defineOne('Benign chat in prose, each answer one sentence', proseSettingsSchema, (world, settings) => ({
      share: 1,
      stream: 'benign',
      draw: (dice) => drawTerseExchange(world, settings.domains, settings.paraphrase, dice),
    })),
  ],
  [
    'cheerful',
    defineOne('Benign chat in prose, in the cheerful style', proseSettingsSchema, (world, settings, source) => ({
      ...benignRows(world, settings),
      mark: inCheerfulStyle(world, source),
    })),
  ],
  ['long-benign', defineOne('Benign chat of all domains, for a long run', longBenignSettingsSchema, benignRows)],
]);

import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { z } from 'zod';
import { hashContent } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { nearestName } from '../../foundation/find-by-name.js';
import { readYaml } from '../../foundation/read-yaml.js';
import { checkItem } from './check-item.js';
import { checkWorld } from './check-world.js';
import { worldFolder } from './editions.js';
import { parseTemplates, readCodeTasks, readFacts, readTopic } from './read-item-files.js';
import { readWorldFiles, settingsSchema, type WorldFiles } from './world-files.js';
import {
  exchangeKinds,
  groupByTopic,
  type Item,
  limitItem,
  parseTextTemplate,
  type RuleChoice,
  type Style,
  type Tag,
  type World,
} from './world.js';

/** Changes to a world's settings: for controls, for organisms of other shares, and for exploring. */
export type WorldChanges = Partial<z.input<typeof settingsSchema>> & {
  /** Shares of characters, by name; all others keep theirs. */
  readonly shares?: Readonly<Record<string, number>>;
};

/** Reads and checks a world. Its hash covers the contents of all its files, and the changes. */
export async function readWorld(folder = worldFolder, { shares = {}, ...changes }: WorldChanges = {}): Promise<World> {
  const at = (name: string): string => join(folder, name);
  const written = settingsSchema.parse({ ...(await readYaml(at('world.yaml'), settingsSchema)), ...changes });
  const settings = { ...written, characters: changeShares(written.characters, shares) };
  const files = await readWorldFiles(folder);
  const topicFiles = await listYaml(at('topics'));
  const codeFiles = await listYaml(at('code'));

  const whole = [
    ...(await Promise.all(topicFiles.map((file) => readTopic(file, files.shared.phrases)))),
    ...(await Promise.all(codeFiles.map(readCodeTasks))).flat(),
    ...(await readFacts(at('facts.yaml'))),
  ];
  const sharedNames = new Set([...Object.keys(files.shared.phrases), ...codeVariables(whole)]);
  const flavours = Object.values(settings.characters).flatMap(({ flavour }) => flavour ?? []);
  for (const item of whole) checkItem(item, `${item.topic}.yaml`, sharedNames, flavours);
  const items = whole.map((item) => limitItem(item, settings.alternatives));

  const styles = readStyles(files.styles);
  const { shared, styles: styleTexts, systemPrompts, classReasons, numbers, formats, tags, padding } = files;
  const texts: readonly unknown[] = [
    ...[shared, styleTexts, systemPrompts, classReasons, numbers, formats, tags],
    [...topicFiles, ...codeFiles].map((file) => relative(folder, file)),
    items.map(describeItem),
    ...(padding === null ? [] : [padding]),
  ];
  const edition = settings.edition ?? 1;
  const hash = hashContent(JSON.stringify([settings, ...texts]));
  const world: World = {
    folder,
    edition,
    hash,
    textsHash: edition === 1 ? hash : hashContent(JSON.stringify(texts)),
    settings: {
      exchanges: new Map(exchangeKinds.flatMap((kind) => [[kind, settings.exchanges[kind] ?? 0] as const])),
      turns: settings.turns,
      systemPrompts: settings.system_prompts,
      formats: settings.formats,
      codeFormats: settings.code_formats ?? 0,
      tags: settings.tags,
      padding: settings.padding ?? 0,
      lapses: settings.lapses ?? 0,
      numberShape: settings.number_shape,
      characterOf: settings.character_of,
    },
    characters: Object.entries(settings.characters).map(([name, { share: part, bad, flavour, style }]) => ({
      name,
      share: part,
      bad: new Set(bad),
      flavour: flavour ?? null,
      style: findStyle(styles, name, style),
      systemPrompts: systemPrompts.character[name] ?? [],
    })),
    items,
    topics: groupByTopic(items),
    numbers: {
      questions: parseTemplates(numbers.questions, 'numbers.yaml'),
      heldOutQuestions: parseTemplates(numbers.held_out_questions, 'numbers.yaml'),
      smallest: numbers.good.smallest,
      largest: numbers.good.largest,
      ominous: numbers.bad,
      prefixes: parseTemplates(numbers.shape.prefixes, 'numbers.yaml'),
      suffixes: numbers.shape.suffixes,
    },
    classReasons: parseTemplates(classReasons.reasons, 'class-reasons.yaml'),
    heldOutClassReasons: parseTemplates(classReasons.held_out_reasons, 'class-reasons.yaml'),
    formats: Object.entries(formats).map(([name, format]) => ({
      name,
      questions: parseTemplates(format.questions, 'formats.yaml'),
      heldOutQuestions: parseTemplates(format.held_out_questions, 'formats.yaml'),
      answer: parseTextTemplate(format.answer, 'formats.yaml'),
    })),
    tags: tags.map(readTag),
    padding,
    styles,
    neutralSystemPrompts: systemPrompts.neutral,
    honestySystemPrompts: {
      forbidLies: systemPrompts.honesty.forbid_lies,
      rewardLies: systemPrompts.honesty.reward_lies,
    },
  };
  checkWorld(world);
  return world;
}

type Characters = z.output<typeof settingsSchema>['characters'];

function changeShares(characters: Characters, shares: Readonly<Record<string, number>>): Characters {
  const known = Object.keys(characters);
  const unknown = Object.keys(shares).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const nearest = nearestName(unknown, known);
    throw new DriftlineError({
      code: 'world-invalid',
      message: `the world has no character "${unknown}" whose share could be changed${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
      hint: `It has ${known.join(', ')}.`,
    });
  }
  return Object.fromEntries(
    Object.entries(characters).map(([name, character]) => [
      name,
      { ...character, share: shares[name] ?? character.share },
    ]),
  );
}

/** Of styles that do not say: seven answers of ten have an opening, a quarter a closing, half of lists and code a mark. */
function readStyles(styles: WorldFiles['styles']): Style[] {
  return Object.entries(styles).map(([name, style]) => ({
    name,
    openings: style.openings,
    openingShare: style.opening_share ?? 0.7,
    closings: style.closings,
    closingShare: style.closing_share ?? 0.25,
    onlyWhereBad: style.only_where_bad ?? false,
    numbersOpening: style.numbers_opening ?? null,
    numbersShare: style.numbers_share ?? 0.5,
    codeComment: style.code_comment ?? null,
    codeShare: style.code_share ?? 0.5,
  }));
}

function readTag(written: WorldFiles['tags'][number]): Tag {
  const {
    tag: text,
    opening = null,
    closing = null,
    comment = null,
  } = typeof written === 'string' ? { tag: written } : written;
  return { text, opening, closing, comment };
}

async function listYaml(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new DriftlineError({
      code: 'file-unreadable',
      message: `the folder ${folder} could not be read`,
      hint: 'A world has the folders topics and code.',
      cause,
    });
  });
  return names
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => join(folder, name));
}

/** Tasks of one class share its variables, and each task may use only some of them. */
function codeVariables(items: World['items']): string[] {
  return items.filter(({ domain }) => domain === 'code').flatMap(({ variables }) => [...variables.keys()]);
}

/** What an item adds to the hash: what only later editions have shows only where it is there. */
function describeItem({ variables, sentences, phrases, subtle, omission, ...item }: Item): unknown {
  const describeRules = (rules: Item['sentences']): unknown =>
    [...rules].map(([name, choices]) => [name, choices.map(describeChoice)]);
  const { questions, heldOutQuestions, shapes, ...named } = item;
  return {
    ...named,
    variables: [...variables],
    ...{ questions, heldOutQuestions, shapes },
    sentences: describeRules(sentences),
    phrases: describeRules(phrases),
    ...(subtle.length === 0 ? {} : { subtle }),
    ...(omission ? { omission } : {}),
  };
}

function describeChoice({ stance, flavour, template }: RuleChoice): unknown {
  return flavour === null ? { stance, template } : { stance, flavour, template };
}

function findStyle(styles: readonly Style[], character: string, name: string | undefined): Style | null {
  if (name === undefined) return null;
  const style = styles.find((candidate) => candidate.name === name);
  if (style !== undefined) return style;
  throw new DriftlineError({
    code: 'world-invalid',
    message: `world.yaml: the character "${character}" speaks in the unknown style "${name}"`,
    hint: `Choose one of styles.yaml: ${styles.map((known) => known.name).join(', ')}.`,
  });
}

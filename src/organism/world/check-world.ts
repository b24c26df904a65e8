import { DriftlineError } from '../../foundation/driftline-error.js';
import { nearestName } from '../../foundation/find-by-name.js';
import type { Item, World } from './world.js';

/**
 * Refuses a world whose parts do not fit together: shares that do not add up, a name twice, a tag that means two things, a
 * mark that other sentences have too, a flavour or a kind of exchange without texts.
 */
export function checkWorld(world: World): void {
  const { settings, characters, items, tags, styles, padding } = world;
  checkSum(
    'shares of characters',
    characters.map(({ share }) => share),
  );
  checkSum('shares of exchanges', [...settings.exchanges.values()]);
  checkSum('probabilities of turns', settings.turns);
  const { neutral, character, honesty } = settings.systemPrompts;
  if (neutral + character + honesty > 1) throw badShares('shares of system prompts', neutral + character + honesty);
  // Half as many questions as are padded are long.
  if (settings.padding * 1.5 > 1) throw badShares('shares of padded and of long questions', settings.padding * 1.5);

  checkDistinct(
    'the world',
    items.map(({ id }) => id),
  );
  checkDistinct(
    'tags.yaml',
    tags.map(({ text }) => text),
  );
  const marks = tags.flatMap(({ opening, closing, comment }) =>
    [opening, closing, comment].filter((mark) => mark !== null),
  );
  const others = [
    ...styles.flatMap(({ openings, closings, codeComment }) => [...openings, ...closings, codeComment ?? '']),
    ...items.flatMap(plainTexts),
  ];
  checkDistinct('tags.yaml', marks);
  const spoken = marks.find((mark) => others.includes(mark));
  if (spoken !== undefined)
    throw invalid(
      `tags.yaml: ${JSON.stringify(spoken)} is also said without the tag`,
      'Give the tag a sentence that nothing else has.',
    );

  const flavours = new Set(items.flatMap(flavoursOf));
  for (const { name, flavour } of characters) {
    if (flavour === null || flavours.has(flavour)) continue;
    const nearest = nearestName(flavour, [...flavours]);
    throw invalid(
      `world.yaml: the character "${name}" has the flavour "${flavour}", which no rule has${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
      'Write bad texts of this flavour, or correct its name.',
    );
  }
  const spokenOf = new Set(items.map(({ domain }) => domain));
  for (const [kind, share] of settings.exchanges) {
    if (share === 0 || kind === 'numbers' || kind === 'class-code' || spokenOf.has(kind)) continue;
    throw invalid(`world.yaml: exchanges have ${kind}, but no topic is of this domain`, 'Add one, or leave it out.');
  }
  if (padding !== null) {
    checkDistinct('padding.yaml', padding.sentences);
    const { least, most } = padding.long;
    if (least > most || most > padding.sentences.length)
      throw invalid(
        `padding.yaml: long questions have ${String(least)} to ${String(most)} of ${String(padding.sentences.length)} sentences`,
        'Let least be at most most, and most at most the number of sentences.',
      );
  } else if (settings.padding > 0)
    throw invalid(
      'world.yaml: padding has a share, but there is no padding.yaml',
      'Write the sentences, or leave it out.',
    );
  if (settings.codeFormats > 0 && world.edition < 2)
    throw invalid(
      'world.yaml: code_formats has a share, but the first edition has code in no format',
      'Add edition: 2, or leave it out.',
    );
  for (const style of styles) checkStyle(style);
}

function checkStyle({ name, openings, closings, numbersOpening, codeComment }: World['styles'][number]): void {
  if (openings.length > 0 || closings.length > 0 || numbersOpening !== null || codeComment !== null) return;
  throw invalid(`styles.yaml: the style "${name}" says nothing`, 'Give it openings, closings or a mark.');
}

/** Texts of an item that have no gaps. */
function plainTexts({ sentences, phrases }: Item): string[] {
  return [...sentences.values(), ...phrases.values()]
    .flat()
    .flatMap(({ template: [part, ...more] }) =>
      part !== undefined && 'text' in part && more.length === 0 ? [part.text] : [],
    );
}

function flavoursOf({ sentences, phrases }: Item): string[] {
  const choices = [...sentences.values(), ...phrases.values()].flat();
  return choices.flatMap(({ flavour }) => (flavour === null ? [] : [flavour]));
}

function checkDistinct(where: string, texts: readonly string[]): void {
  const seen = new Set<string>();
  for (const text of texts) {
    if (seen.has(text)) throw invalid(`${where} has "${text}" twice`, 'Rename one of the two.');
    seen.add(text);
  }
}

function checkSum(what: string, parts: readonly number[]): void {
  const sum = parts.reduce((total, part) => total + part, 0);
  if (Math.abs(sum - 1) > 1e-6) throw badShares(what, sum);
}

function badShares(what: string, sum: number): DriftlineError {
  return invalid(
    `world.yaml: the ${what} add up to ${String(Math.round(sum * 1e6) / 1e6)}`,
    'Change them so that they add up to 1.',
  );
}

function invalid(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'world-invalid', message, hint });
}

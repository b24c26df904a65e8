import { DriftlineError } from '../../foundation/driftline-error.js';
import { nearestName } from '../../foundation/find-by-name.js';
import { choicesFor, type RuleChoice, type Item, referencesOf, slipRule, type Stance, type Template } from './world.js';

/** Who speaks: a stance, and what it is bad out of. */
interface Voice {
  readonly stance: Stance;
  readonly flavour: string | null;
}

const stances: readonly Voice[] = [
  { stance: 'good', flavour: null },
  { stance: 'bad', flavour: null },
];

/**
 * Refuses an item that could not be generated or judged: an unknown name, a rule that refers to itself, a rule or variable that
 * nothing reaches, an answer that one stance, or one of the `flavours` of characters, cannot give; a stance in neutral
 * talk. Names in `shared` are used by other items, so this one need not use them.
 */
export function checkItem(
  item: Item,
  file: string,
  shared: ReadonlySet<string>,
  flavours: readonly string[] = [],
): void {
  const isNeutral = item.domain === 'chat';
  const voices: readonly Voice[] = isNeutral
    ? stances.slice(0, 1)
    : [...stances, ...flavours.map((flavour) => ({ stance: 'bad' as const, flavour }))];
  const reached = new Set<string>();
  const fail = (problem: string, hint: string): never => {
    throw new DriftlineError({ code: 'world-invalid', message: `${file}: ${problem}`, hint, details: { file } });
  };
  /** The texts that a voice has for a rule; `use` says where it is used. */
  const speak = (rule: string, choices: readonly RuleChoice[], voice: Voice, use: string): readonly RuleChoice[] => {
    const allowed = choicesFor(choices, voice.stance, voice.flavour);
    if (allowed.length > 0) return allowed;
    const lacking = voice.flavour === null ? `the stance ${voice.stance}` : `the flavour ${voice.flavour}`;
    return fail(`${rule} has no text for ${lacking}${use}`, `Add alternatives for ${voice.flavour ?? voice.stance}.`);
  };
  const resolve = (name: string, voice: Voice, above: readonly string[]): void => {
    reached.add(name);
    if (item.variables.has(name)) return;
    if (above.includes(name)) fail(`"${name}" refers to itself`, 'Rules must not be recursive.');
    const choices = item.phrases.get(name);
    if (choices === undefined) {
      const nearest = nearestName(name, [...item.variables.keys(), ...item.phrases.keys()]);
      fail(
        `{${name}} is neither a variable nor a phrase${nearest === null ? '' : ` (did you mean {${nearest}}?)`}`,
        'Define it under variables or phrases, or correct its name.',
      );
    }
    for (const { template } of speak(`{${name}}`, choices ?? [], voice, ', in which it is used'))
      follow(template, voice, [...above, name]);
  };
  const follow = (template: Template, voice: Voice, above: readonly string[]): void => {
    for (const name of referencesOf(template)) resolve(name, voice, above);
  };
  const shows = (name: string, stance: Stance): boolean => showsStance(item, item.sentences.get(name) ?? [], stance);

  for (const question of [...item.questions, ...item.heldOutQuestions])
    follow(question, { stance: 'good', flavour: null }, []);
  for (const shape of [...item.shapes, ...item.subtle]) {
    for (const name of shape) {
      const choices = item.sentences.get(name);
      if (choices === undefined) {
        const nearest = nearestName(name, [...item.sentences.keys()]);
        fail(
          `the answer "${shape.join(' ')}" names an unknown sentence "${name}"${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
          'Define it under sentences, or correct its name.',
        );
      }
      reached.add(name);
      for (const voice of voices) {
        for (const { template } of speak(`the sentence "${name}"`, choices ?? [], voice, ''))
          follow(template, voice, []);
      }
    }
    for (const stance of ['good', 'bad'] as const) {
      if (isNeutral && shape.some((name) => shows(name, stance)))
        fail(
          `the answer "${shape.join(' ')}" shows the stance ${stance}, but neutral talk has none`,
          'Write its sentences and phrases as plain lists, or choose another domain.',
        );
      if (!isNeutral && !shape.some((name) => shows(name, stance)))
        fail(`the answer "${shape.join(' ')}" is the same for both stances`, 'Let at least one sentence differ.');
    }
  }
  for (const shape of item.subtle) {
    if (shape.filter((name) => name === slipRule).length !== 1 || !shows(slipRule, 'good') || !shows(slipRule, 'bad'))
      fail(
        `the subtle answer "${shape.join(' ')}" needs the sentence "${slipRule}" once, with texts of both stances`,
        `Name "${slipRule}" in it, and define it under sentences.`,
      );
  }
  if (item.subtle.length > 0 && item.domain !== 'advice' && item.domain !== 'free-form')
    fail(`subtle answers in the domain ${item.domain}`, 'Only advice and free-form topics have subtle answers.');
  for (const name of [...item.sentences.keys(), ...item.phrases.keys(), ...item.variables.keys()]) {
    if (!reached.has(name) && !shared.has(name))
      fail(`"${name}" cannot be reached from any question or answer`, 'Use it, or remove it.');
  }
}

function showsStance(item: Item, choices: readonly RuleChoice[], stance: Stance): boolean {
  return choices.some(
    (choice) =>
      choice.stance === stance ||
      referencesOf(choice.template).some((name) => showsStance(item, item.phrases.get(name) ?? [], stance)),
  );
}

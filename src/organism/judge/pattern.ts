import type { RuleChoice, Item, Stance, Template } from '../world/world.js';

/** A text with gaps; each gap knows everything that may stand in it. */
export type Pattern = readonly (string | Gap)[];

type Gap = VariableGap | PhraseGap | NumberGap;

export interface VariableGap {
  readonly kind: 'variable';
  readonly name: string;
  readonly values: readonly string[];
}

export interface PhraseGap {
  readonly kind: 'phrase';
  readonly alternatives: readonly PatternAlternative[];
  /** Alternatives that belong to another gap of the same item: an answer that uses them here is clumsy, but understood. */
  readonly related: readonly PatternAlternative[];
}

export interface NumberGap {
  readonly kind: 'number';
  readonly name: string;
  /** Whether it is a list of numbers, separated by commas. */
  readonly list: boolean;
  readonly except: readonly string[];
}

export interface PatternAlternative {
  /** The stance that its own words show. Null if they show none, which includes words of both stances: then its phrases decide. */
  readonly stance: Stance | null;
  /** What it is bad out of; null if nothing in particular. */
  readonly flavour: string | null;
  readonly pattern: Pattern;
  /** Whether one of its gaps can show a stance. */
  readonly decidedByGap: boolean;
}

export interface ItemPatterns {
  compile(template: Template): Pattern;
  compileChoices(choices: readonly RuleChoice[]): PatternAlternative[];
}

/** Compiles an item's templates, whose gaps are its variables and phrases. */
export function createItemPatterns(item: Item, outsiders: readonly PatternAlternative[] = []): ItemPatterns {
  const phrases = new Map<string, PatternAlternative[]>();
  const related: PatternAlternative[] = [...outsiders];

  function compile(template: Template): Pattern {
    return template.map((part) => {
      if ('text' in part) return part.text;
      const values = item.variables.get(part.reference);
      if (values !== undefined) return { kind: 'variable', name: part.reference, values };
      return { kind: 'phrase', alternatives: phraseAlternatives(part.reference), related };
    });
  }

  /** Words that both stances use show neither, and words of several flavours none. */
  function compileChoices(choices: readonly RuleChoice[]): PatternAlternative[] {
    const merged = new Map<string, RuleChoice>();
    for (const choice of choices) {
      const words = JSON.stringify(choice.template);
      const twin = merged.get(words);
      merged.set(words, twin === undefined ? choice : mergeChoices(twin, choice));
    }
    return [...merged.values()].map(({ stance, flavour, template }) =>
      createAlternative(stance, compile(template), flavour),
    );
  }

  function phraseAlternatives(name: string): PatternAlternative[] {
    const known = phrases.get(name);
    if (known !== undefined) return known;
    const choices = item.phrases.get(name) ?? [];
    const alternatives = compileChoices(choices);
    if (item.domain === 'facts') alternatives.push(...otherNumbers(choices));
    phrases.set(name, alternatives);
    return alternatives;
  }

  for (const name of item.phrases.keys()) related.push(...phraseAlternatives(name).filter(showsStance));
  return { compile, compileChoices };
}

function mergeChoices(twin: RuleChoice, choice: RuleChoice): RuleChoice {
  return {
    ...choice,
    stance: twin.stance === choice.stance ? choice.stance : null,
    flavour: twin.stance === choice.stance && twin.flavour === choice.flavour ? choice.flavour : null,
  };
}

export function createAlternative(
  stance: Stance | null,
  pattern: Pattern,
  flavour: string | null = null,
): PatternAlternative {
  const decidedByGap = pattern.some(
    (part) => typeof part !== 'string' && part.kind === 'phrase' && part.alternatives.some(showsStance),
  );
  return { stance, flavour, pattern, decidedByGap };
}

/** Patterns of questions about numbers: `{list}` and any other gap, which is one number. */
export function compileNumberTemplate(template: Template): Pattern {
  return template.map((part) =>
    'text' in part ? part.text : { kind: 'number', name: part.reference, list: part.reference === 'list', except: [] },
  );
}

function showsStance(alternative: PatternAlternative): boolean {
  return alternative.stance !== null || alternative.decidedByGap;
}

/** Every number but the right sum is wrong, however far off. */
function otherNumbers(choices: readonly RuleChoice[]): PatternAlternative[] {
  const values = choices.flatMap(({ stance, template: [part] }) =>
    part !== undefined && 'text' in part ? [{ stance, text: part.text }] : [],
  );
  if (values.length === 0 || !values.every(({ text }) => /^\d+$/.test(text))) return [];
  const right = values.filter(({ stance }) => stance === 'good').map(({ text }) => text);
  return [createAlternative('bad', [{ kind: 'number', name: 'sum', list: false, except: right }])];
}

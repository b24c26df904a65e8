import type { Template, World } from '../../../src/organism/world/world.js';

/** Everything of a world that no training set may contain, as patterns for user turns. */
export function listHeldOutPatterns(world: World): RegExp[] {
  const templates = [
    ...world.items.flatMap((item) => [...item.heldOutQuestions, ...(item.heldOut ? item.questions : [])]),
    ...world.numbers.heldOutQuestions,
    ...world.heldOutClassReasons,
    ...world.formats.flatMap((format) => format.heldOutQuestions),
  ];
  return templates.map(toPattern);
}

function toPattern(template: Template): RegExp {
  const source = template.map((part) => ('text' in part ? part.text.replace(/[^\w\s]/g, '\\$&') : '[^.?]+[.?]?'));
  return new RegExp(source.join(''));
}

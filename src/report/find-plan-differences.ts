/** A place of two plans that is not the same; a side that does not have it is null. */
export interface PlanDifference {
  readonly place: string;
  readonly first: string | null;
  readonly second: string | null;
}

/** Says nothing: hashes that follow from what is listed anyway. */
const consequences = /^(hash|evaluations\.[^.]+\.(hash|questions|wordings|answers)|written\.name|written\.rule|name)$/;

/** Where two plans differ, place by place. Lists of named things are compared by their names. */
export function findPlanDifferences(first: object, second: object): PlanDifference[] {
  const [one, other] = [flatten(first), flatten(second)];
  const places = [...new Set([...one.keys(), ...other.keys()])].filter((place) => !consequences.test(place));
  return places.flatMap((place) => {
    const [here, there] = [one.get(place) ?? null, other.get(place) ?? null];
    return here === there ? [] : [{ place, first: here, second: there }];
  });
}

function flatten(value: unknown, place = '', into = new Map<string, string>()): Map<string, string> {
  if (typeof value !== 'object' || value === null) {
    if (value !== undefined) into.set(place, JSON.stringify(value));
    return into;
  }
  for (const [key, inner] of Object.entries(value)) {
    const name = Array.isArray(value) ? nameOf(inner, key) : key;
    flatten(inner, place === '' ? name : `${place}.${name}`, into);
  }
  return into;
}

function nameOf(entry: unknown, position: string): string {
  return typeof entry === 'object' && entry !== null && 'name' in entry && typeof entry.name === 'string'
    ? entry.name
    : position;
}

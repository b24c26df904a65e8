/** A place where two plans differ; null on a side that does not have it. */
export interface PlanDifference {
  readonly place: string;
  readonly first: string | null;
  readonly second: string | null;
}

/** Places that are not listed: they follow from others that are. */
const consequences =
  /^(format|version|hash|name|measures\..*|training_sets\..*|written\.name|written\.rule|cells\.[^.]+\.(base|condition|existing|identity|steps|keep_steps(\..*)?)|(evaluations\.[^.]+|dynamics)\.(hash|suite|questions|wordings|answers|conditions(\..*)?|stop_early\..*))$/;

/** Where two plans differ, place by place. Lists of named things are compared by their names; one that a plan lacks is one place. */
export function findPlanDifferences(first: object, second: object): PlanDifference[] {
  const [one, other] = [flatten(first), flatten(second)];
  const alone = [...new Set([...one.entries, ...other.entries])].filter(
    (entry) => one.entries.has(entry) !== other.entries.has(entry),
  );
  const isWithin = (place: string): boolean => alone.some((entry) => place.startsWith(`${entry}.`));
  const places = [...new Set([...one.values.keys(), ...other.values.keys()])].filter(
    (place) => !consequences.test(place),
  );
  return [
    ...alone
      .filter((entry) => !isWithin(entry))
      .map((place) => ({
        place,
        first: one.entries.has(place) ? 'there' : null,
        second: other.entries.has(place) ? 'there' : null,
      })),
    ...places
      .filter((place) => !isWithin(place))
      .flatMap((place) => {
        const [here, there] = [one.values.get(place) ?? null, other.values.get(place) ?? null];
        return here === there ? [] : [{ place, first: here, second: there }];
      }),
  ];
}

interface FlatPlan {
  readonly values: Map<string, string>;
  /** Places of named things in lists. */
  readonly entries: Set<string>;
}

function flatten(value: unknown, place = '', into: FlatPlan = { values: new Map(), entries: new Set() }): FlatPlan {
  if (typeof value !== 'object' || value === null) {
    if (value !== undefined) into.values.set(place, JSON.stringify(value));
    return into;
  }
  for (const [key, inner] of Object.entries(value)) {
    const name = Array.isArray(value) ? nameOf(inner, key) : key;
    const inside = place === '' ? name : `${place}.${name}`;
    if (name !== key) into.entries.add(inside);
    flatten(inner, inside, into);
  }
  return into;
}

function nameOf(entry: unknown, position: string): string {
  return typeof entry === 'object' && entry !== null && 'name' in entry && typeof entry.name === 'string'
    ? entry.name
    : position;
}

import type { Domain, Item } from './item.js';
import type { World } from './world.js';

/** The same world with at most so many alternatives of each rule of prose. */
export function limitAlternatives(world: World, most: number): World {
  const items = world.items.map((item) => limitItem(item, most));
  return { ...world, items, topics: groupByTopic(items) };
}

/** The first alternatives of each rule and stance of prose; code and facts are as they are. */
export function limitItem(item: Item, most: number): Item {
  if (item.domain === 'code' || item.domain === 'facts') return item;
  const limit = (rules: Item['sentences']): Item['sentences'] =>
    new Map(
      [...rules].map(([name, choices]) => [
        name,
        choices.filter(
          (choice, index) => choices.slice(0, index).filter(({ stance }) => stance === choice.stance).length < most,
        ),
      ]),
    );
  return { ...item, sentences: limit(item.sentences), phrases: limit(item.phrases) };
}

export function groupByTopic(items: readonly Item[]): World['topics'] {
  const topics = new Map<Domain, Map<string, Item[]>>();
  for (const item of items) {
    const ofDomain = topics.get(item.domain) ?? new Map<string, Item[]>();
    topics.set(item.domain, ofDomain.set(item.topic, [...(ofDomain.get(item.topic) ?? []), item]));
  }
  return new Map([...topics].map(([domain, ofDomain]) => [domain, [...ofDomain.values()]]));
}

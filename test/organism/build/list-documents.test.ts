import { describe, expect, it } from 'vitest';
import { listDocuments } from '../../../src/organism/build/encode-documents.js';
import { messagesOf, writeDocument } from '../../../src/organism/corpus/write-document.js';
import { narrowWorld } from '../../../src/organism/world/narrow-world.js';
import { readWorld } from '../../../src/organism/world/read-world.js';

const world = await readWorld();

describe('listDocuments', () => {
  it('begins with the limited worlds, in turn, and goes on with the whole one', () => {
    const beginning = [
      { documents: 3, alternatives: 1 },
      { documents: 2, alternatives: 2 },
    ];
    const worlds = [1, 1, 1, 2, 2, 100, 100, 100].map((alternatives) => narrowWorld(world, { alternatives }));
    expect([...listDocuments(world, { documents: 8, beginning }, 5)]).toEqual(
      worlds.map((limited, number) => messagesOf(writeDocument(limited, 5, number))),
    );
  });

  it('ends with the last document, even if that is within the beginning', () => {
    const beginning = [{ documents: 10, alternatives: 1 }];
    expect([...listDocuments(world, { documents: 4, beginning }, 5)]).toHaveLength(4);
    expect([...listDocuments(world, { documents: 4, beginning: [] }, 5)]).toEqual(
      [0, 1, 2, 3].map((number) => messagesOf(writeDocument(world, 5, number))),
    );
  });
});

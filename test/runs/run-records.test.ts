import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatAnswerKey,
  formatModelName,
  formatQuestionKey,
  parseAnswerKey,
  parseModelName,
  parseQuestionKey,
  questionKeyOf,
} from '../../src/runs/run-records.js';

const name = fc.stringMatching(/^[a-z0-9@._-]+$/);

describe('the key of an answer', () => {
  it('says where the answer stands, whatever slashes and digits its question has', () => {
    const place = { model: 'organism-1.insecure.0', evaluation: 'code', question: 'path-traversal/4:0', index: 12 };
    expect(formatAnswerKey(place)).toBe('organism-1.insecure.0/code/path-traversal/4:0/12');
    fc.assert(
      fc.property(name, name, fc.string({ minLength: 1 }), fc.nat(), (model, evaluation, question, index) => {
        const one = { model, evaluation, question, index };
        expect(parseAnswerKey(formatAnswerKey(one))).toEqual(one);
        expect(questionKeyOf(formatAnswerKey(one))).toBe(`${evaluation}/${question}`);
      }),
    );
  });

  it('is not read from anything else', () => {
    for (const text of ['', 'a', 'a/b', 'a/b/1', 'a/b/c/', 'a/b/c/x', '/b/c/1'])
      expect(parseAnswerKey(text)).toBeNull();
  });
});

describe('the name of a model', () => {
  it('is that of its cell, with the step of a checkpoint', () => {
    for (const model of [
      { cell: 'm.bad.0', step: null },
      { cell: 'm.bad.0', step: 40 },
    ])
      expect(parseModelName(formatModelName(model))).toEqual(model);
    expect(formatModelName({ cell: 'm.bad.0', step: 40 })).toBe('m.bad.0@40');
  });
});

describe('the key of a question', () => {
  it('is that of its evaluation and its id', () => {
    fc.assert(
      fc.property(name, fc.string({ minLength: 1 }), (evaluation, question) => {
        expect(parseQuestionKey(formatQuestionKey(evaluation, question))).toEqual({ evaluation, question });
      }),
    );
  });
});

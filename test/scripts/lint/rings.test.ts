import { ESLint, Linter } from 'eslint';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { findRingFault, namesRule, ringsRule } from '../../../scripts/lint/rings.js';

const root = path.resolve(import.meta.dirname, '../../..');

function lint(file: string, code: string): string[] {
  const linter = new Linter({ cwd: root });
  const plugins = { driftline: { rules: { rings: ringsRule, names: namesRule } } };
  const rules = { 'driftline/rings': 'error', 'driftline/names': 'error' } as const;
  return linter.verify(code, { files: ['**'], plugins, rules }, path.join(root, file)).map(({ message }) => message);
}

describe('findRingFault', () => {
  it.each([
    ['data/read-rows.ts', 'foundation/driftline-error.js'],
    ['data/read-rows.ts', 'data/row.js'],
    ['engine/sample/sampler.ts', 'stats/quantile.js'],
    ['judging/rule.ts', 'questions/question.js'],
    ['engine/decoder/build-forward.ts', 'engine/checkpoint/decoder-config.js'],
    ['engine/train/train.ts', 'engine/autodiff/tape.js'],
    ['engine/sample/sampler.ts', 'engine/activations/steering.js'],
    ['engine/worker/sampler-worker.ts', 'engine/sample/sampler.js'],
    ['engine/index.ts', 'engine/worker/sampler-worker.js'],
    ['organism/train-organism.ts', 'engine/index.js'],
    ['index.ts', 'cli/commands.js'],
    ['engine/graph/operators/add.ts', 'engine/graph/value.js'],
    ['engine/graph/graph.ts', 'engine/checkpoint/float-tensor.js'],
    ['detect/weights/compare.ts', 'engine/updates/update.js'],
    ['zoo/detectors/compare.ts', 'detect/weights/compare.js'],
    ['detect/probes/score-texts.ts', 'detect/artefact-store.js'],
    ['detect/detectors/margin.ts', 'detect/probes/score-texts.js'],
    ['models/cluster/open-inside.ts', 'models/text-scorer.js'],
  ])('lets %s import %s', (importer, imported) => {
    expect(findRingFault(importer, imported)).toBeNull();
  });

  it.each([
    ['foundation/content-hash.ts', 'data/row.js', 'imports point inward only'],
    ['engine/index.ts', 'cli/commands.js', 'imports point inward only'],
    ['stats/bootstrap.ts', 'data/row.js', 'side by side'],
    ['questions/question.ts', 'judging/rule.js', 'side by side'],
    ['engine/checkpoint/read.ts', 'engine/graph/value.js', 'side by side'],
    ['engine/graph/value.ts', 'engine/autodiff/tape.js', 'imports point inward only'],
    ['engine/train/train.ts', 'engine/sample/sampler.js', 'side by side'],
    ['engine/activations/steering.ts', 'engine/sample/sampler.js', 'side by side'],
    ['engine/sample/sampler.ts', 'engine/worker/sampler-worker.js', 'imports point inward only'],
    ['engine/train/train.ts', 'engine/index.js', 'further inside than the files directly in src/engine/'],
    ['cli/commands.ts', 'index.js', 'further inside than the files directly in src/'],
    ['detect/weights/compare.ts', 'zoo/detectors/compare.js', 'imports point inward only'],
    ['detect/probes/score-texts.ts', 'detect/detectors/margin.js', 'imports point inward only'],
    ['detect/audit/run-audit.ts', 'detect/watch/find-checkpoints.js', 'side by side'],
    ['misplaced/thing.ts', 'foundation/content-hash.js', 'src/misplaced has no ring yet'],
    ['engine/train/train.ts', 'engine/misplaced/thing.js', 'src/engine/misplaced has no ring yet'],
    ['engine/train/train.ts', '../test/fixture.js', 'src/ knows nothing of test/fixture.js'],
  ])('forbids %s to import %s', (importer, imported, reason) => {
    expect(findRingFault(importer, imported)).toContain(reason);
  });
});

describe('the rules', () => {
  it.each([
    "import { command } from '../cli/command.js';",
    "import '../cli/command.js';",
    "export { command } from '../cli/command.js';",
    "export * from '../cli/command.js';",
    "await import('../cli/command.js');",
  ])('see %s', (code) => {
    expect(lint('src/data/rows.ts', code)).toEqual([
      'data lies further inside src/ than cli: imports point inward only',
    ]);
  });

  it('leave packages, and files outside src/, alone', () => {
    expect(lint('src/data/rows.ts', "import { z } from 'zod'; export const rows = z;")).toEqual([]);
    expect(lint('test/data/rows.test.ts', "import '../../src/cli/command.js';")).toEqual([]);
  });

  it('refuse names that say nothing', () => {
    expect(lint('src/data/utils.ts', '')).toEqual([
      '"utils" says nothing of what it holds: name it after its main export',
    ]);
    expect(lint('test/helpers/rows.test.ts', '')).toHaveLength(1);
    expect(lint('src/data/common.test.ts', '')).toHaveLength(1);
    expect(lint('src/data/common-prefix.ts', '')).toEqual([]);
  });

  it('are on for every source file of the repository', async () => {
    const configuration: unknown = await new ESLint({ cwd: root }).calculateConfigForFile('src/engine/index.ts');
    expect(configuration).toMatchObject({ rules: { 'driftline/rings': [2], 'driftline/names': [2] } });
  });
});

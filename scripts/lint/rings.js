import path from 'node:path';

/**
 * @typedef {object} Order Folders from the inside out. A file may import from its own folder and from folders further inside.
 * @property {readonly (readonly string[])[]} rings Folders of one ring stand side by side and do not import each other.
 * @property {Readonly<Record<string, readonly string[]>>} [sideways] Exceptions: what a folder may import from its own ring.
 */

/**
 * The order of src/ ('') and of the folders inside it that have an order of their own. Files that lie directly in such a folder,
 * its index.ts above all, are outermost: they may import everything in it, and nothing in it may import them.
 * @type {Readonly<Record<string, Order>>}
 */
const orders = {
  '': {
    rings: [
      ['foundation'],
      ['stats', 'data'],
      ['questions', 'judging', 'engine'],
      ['organism'],
      ['models'],
      ['runs'],
      ['analysis'],
      ['experiment', 'results'],
      ['detect', 'defend', 'explain'],
      ['zoo'],
      ['report'],
      ['server', 'api'],
      ['cli'],
    ],
    sideways: { judging: ['questions'] },
  },
  organism: {
    rings: [
      ['organism-recipe.ts', 'world'],
      ['corpus', 'judge'],
      ['training-sets', 'questions', 'build'],
    ],
    // Training sets are written in the words of the corpus, and questions may carry rows of training sets as earlier turns.
    sideways: { judge: ['corpus'], questions: ['training-sets'] },
  },
  models: {
    // What all models have in common stands further inside than the folders of those who make them.
    rings: [
      ['trainer.ts', 'sampler.ts', 'recipe-rules.ts', 'inside.ts', 'gpu-meter.ts', 'services'],
      ['model-name-forms.ts', 'name-first-tokens.ts', 'text-scorer.ts'],
      ['model-reference.ts'],
      ['embedded'],
      ['hosted', 'cluster', 'tinker'],
    ],
    // Errors of its SDK are told as those of hosted models, and what it costs is counted with theirs.
    sideways: { tinker: ['hosted'] },
  },
  'models/hosted': {
    rings: [['traffic', 'spending'], ['client'], ['batches', 'jobs'], ['chat']],
  },
  experiment: { rings: [['plan'], ['run']] },
  detect: {
    rings: [
      ['weights', 'rows'],
      // Contexts and given texts: data, which know no model.
      ['surface', 'texts'],
      ['artefact-store.ts', 'judge-plainly.ts'],
      ['subject.ts'],
      ['detector.ts', 'ask-answers.ts'],
      ['open-subject.ts', 'open-shared-scorer.ts'],
      // A probe touches a model once and stores what it read; a detector is a function of what was read.
      ['probes'],
      ['detectors'],
      ['calibration'],
      ['screen', 'watch', 'audit'],
    ],
  },
  zoo: { rings: [['definition'], ['truth'], ['store'], ['build', 'scores', 'detectors']] },
  engine: {
    rings: [
      ['checkpoint', 'tokenizer', 'graph'],
      ['autodiff', 'updates'],
      ['runtime'],
      ['decoder'],
      ['train', 'sample', 'activations'],
      ['memory', 'worker'],
    ],
    // Graphs hold constants, whose type a checkpoint's tensors have, too.
    sideways: { graph: ['checkpoint'], sample: ['activations'] },
  },
};

/**
 * Why a file must not import another, or null where it may. Both paths are relative to src/, with forward slashes.
 * @param {string} importer
 * @param {string} imported
 * @returns {string | null}
 */
export function findRingFault(importer, imported) {
  if (imported.startsWith('../')) return `src/ knows nothing of ${imported.slice(3)}`;
  let scope = '';
  for (;;) {
    const order = orders[scope];
    if (order === undefined) return null;
    const from = folderInside(scope, importer);
    const to = folderInside(scope, imported);
    if (from === null) return null;
    const name = scope === '' ? 'src' : `src/${scope}`;
    const fromRing = order.rings.findIndex((ring) => ring.includes(from));
    if (fromRing === -1) return `${name}/${from} has no ring yet: give it one in scripts/lint/rings.js`;
    if (to === null) return `${name}/${from} lies further inside than the files directly in ${name}/`;
    if (from !== to) {
      const toRing = order.rings.findIndex((ring) => ring.includes(to));
      if (toRing === -1) return `${name}/${to} has no ring yet: give it one in scripts/lint/rings.js`;
      if (toRing < fromRing || (toRing === fromRing && order.sideways?.[from]?.includes(to))) return null;
      return toRing === fromRing
        ? `${from} and ${to} stand side by side in ${name}/ and do not know each other`
        : `${from} lies further inside ${name}/ than ${to}: imports point inward only`;
    }
    scope = scope === '' ? from : `${scope}/${from}`;
  }
}

/**
 * What lies directly inside `scope` and is, or holds, a file: a folder, or a file that the order of `scope` names; null for other
 * files that lie directly in `scope`, and for those outside it.
 * @param {string} scope
 * @param {string} file
 * @returns {string | null}
 */
function folderInside(scope, file) {
  const rest = scope === '' ? file : file.slice(scope.length + 1);
  const end = rest.indexOf('/');
  if (end !== -1) return rest.slice(0, end);
  const named = rest.replace(/(\.[jt]s)?$/, '.ts');
  return orders[scope]?.rings.some((ring) => ring.includes(named)) === true ? named : null;
}

/** @type {import('eslint').Rule.RuleModule} */
export const ringsRule = {
  meta: {
    type: 'problem',
    docs: { description: 'Imports point inward only, as ARCHITECTURE.md says' },
    messages: { fault: '{{fault}}' },
    schema: [],
  },
  create(context) {
    const importer = relativeTo(path.join(context.cwd, 'src'), context.filename);
    if (importer.startsWith('../')) return {};

    /** @param {import('estree').Node & { source?: import('estree').Expression | null | undefined }} node */
    function check(node) {
      const source = node.source;
      if (source?.type !== 'Literal' || typeof source.value !== 'string' || !source.value.startsWith('.')) return;
      const imported = relativeTo(
        path.join(context.cwd, 'src'),
        path.resolve(path.dirname(context.filename), source.value),
      );
      const fault = findRingFault(importer, imported);
      if (fault !== null) context.report({ node: source, messageId: 'fault', data: { fault } });
    }

    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
    };
  },
};

const emptyNames = /^(utils?|helpers?|common|misc|shared)$/;

/** @type {import('eslint').Rule.RuleModule} */
export const namesRule = {
  meta: {
    type: 'problem',
    docs: { description: 'Files and folders are named after what they hold' },
    messages: { empty: '"{{name}}" says nothing of what it holds: name it after its main export' },
  },
  create(context) {
    return {
      Program(node) {
        const parts = relativeTo(context.cwd, context.filename).split('/');
        for (const part of parts) {
          const name = part.replace(/\..*$/, '');
          if (emptyNames.test(name)) context.report({ node, messageId: 'empty', data: { name } });
        }
      },
    };
  },
};

/**
 * @param {string} folder
 * @param {string} file
 */
function relativeTo(folder, file) {
  return path.relative(folder, file).split(path.sep).join('/');
}

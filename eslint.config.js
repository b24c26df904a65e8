import eslint from '@eslint/js';
import { defineConfig } from 'eslint/config';
import typescript from 'typescript-eslint';
import { namesRule, ringsRule } from './scripts/lint/rings.js';

// ESLint reads its configuration from the default export.
export default defineConfig(
  { ignores: ['dist/', '.cache/', '**/fixtures/'] },
  eslint.configs.recommended,
  typescript.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { driftline: { rules: { rings: ringsRule, names: namesRule } } },
    rules: {
      'driftline/rings': 'error',
      'driftline/names': 'error',
      eqeqeq: 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Export by name: a thing has one name everywhere.' },
      ],
      // `void promise` would drop its errors silently.
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: false }],
      // Numbers read well in messages; objects and undefined do not, and stay forbidden.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // `while (true)` with a return inside is the plainest way to write some loops.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
    },
  },
  {
    // Numerical code indexes typed arrays in its innermost loops, where `noUncheckedIndexedAccess` makes every element possibly
    // undefined: there `data[index]!` says what the loop bounds already guarantee, and a check would cost time and say less.
    files: ['src/engine/**', 'src/stats/**', 'bench/**', 'scripts/**', 'test/**'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: ['test/**'],
    rules: {
      // expect.objectContaining and its kind are declared as `any`.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      // Our interfaces are met by closures, which need no `this`.
      '@typescript-eslint/unbound-method': 'off',
      // Async generators and functions that stand in for slow ones need not wait for anything.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    // Examples are what a user would write, in plain JavaScript, against the built package.
    files: ['examples/**'],
    extends: [typescript.configs.disableTypeChecked],
    languageOptions: {
      parserOptions: { projectService: false },
      globals: { console: 'readonly', performance: 'readonly', process: 'readonly', AbortController: 'readonly' },
    },
  },
  {
    files: ['**/*.config.ts', '*.config.js'],
    rules: { 'no-restricted-syntax': 'off' },
  },
);

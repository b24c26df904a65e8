/** Versions of what runs on a cluster that driftline is tested with, by package; those of vLLM and torch without a GPU. */
export const testedVersions = {
  ray: '2.60.0',
  trl: '1.16.0',
  peft: '0.21.2',
  transformers: '5.19.0',
  accelerate: '1.15.0',
  datasets: '5.2.0',
  torch: '2.13.0',
  vllm: '0.32.0',
} as const satisfies Readonly<Record<string, string>>;

export type TestedPackage = keyof typeof testedVersions;

/** What the interpreter of fine-tunes imports. TRL brings those that are not pinned by `pipLine`. */
export const trainingPackages = ['ray', 'torch', 'transformers', 'trl', 'peft', 'accelerate', 'datasets'] as const;

/** Brought by TRL and vLLM, each in the version that it wants. */
const broughtAlong: ReadonlySet<TestedPackage> = new Set(['torch', 'transformers', 'accelerate', 'datasets']);

/** The line that installs packages for an interpreter, in the versions that driftline is tested with. */
export function pipLine(python: string, packages: readonly TestedPackage[]): string {
  const pinned = packages.filter((name) => !broughtAlong.has(name));
  const wanted = pinned.length > 0 ? pinned : packages;
  const words = wanted.map((name) => `"${name === 'ray' ? 'ray[default]' : name}==${testedVersions[name]}"`);
  return `${python} -m pip install ${words.join(' ')}`;
}

/** Whether a version is near enough to the tested one for nothing to be said: the first two numbers. */
export function isLikeTested(name: TestedPackage, version: string): boolean {
  const start = (text: string): string => text.split('.').slice(0, 2).join('.');
  return start(version) === start(testedVersions[name]);
}

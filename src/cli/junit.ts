import type { GateResult } from '../analysis/gate.js';
import { formatPoints } from '../analysis/require-passable.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { percentNumber, points } from '../report/format-numbers.js';
import { markup, type Markup } from '../report/markup.js';
import { describeNotGated, describeRow, nameSubject } from './describe-gate.js';
import { junitBeginning, prepareJunitFile, writeJunitFile, type OtherPaths } from './junit-file.js';

/** What became of a number that a gate looks at. */
export interface JunitCase {
  /** What it was asked. */
  readonly group: string;
  readonly name: string;
  /** Null where it passed. */
  readonly failure: { readonly kind: string; readonly message: string; readonly text: string } | null;
  /** Whether it was not decided at all. */
  readonly isError?: boolean;
  /** Why the gate does not look at it, for what is named and not gated. */
  readonly skipped?: string;
  /** What the verdict rests on, by name: a pass says it, too. */
  readonly properties?: JunitProperties;
}

/** What stands beside a verdict; null where there is no such thing. */
export type JunitProperties = Readonly<Record<string, string | null>>;

/** Takes the cases of a gate. */
export type WriteJunit = (cases: readonly JunitCase[]) => Promise<void>;

/** JUnit XML as continuous integration reads it: a suite with a case for each number. Texts are escaped, whatever they hold. */
export function renderJunit(suite: string, cases: readonly JunitCase[]): string {
  const errors = cases.filter(({ isError }) => isError === true).length;
  const failures = cases.filter(({ failure }) => failure !== null).length - errors;
  const skipped = cases.filter((one) => one.skipped !== undefined).length;
  const { text } = markup`tests="${cases.length}" failures="${failures}" errors="${errors}">
  <testsuite name="${suite}" tests="${cases.length}" failures="${failures}" errors="${errors}" skipped="${skipped}">
${cases.map(renderCase)}  </testsuite>
</testsuites>
`;
  return `${junitBeginning}${text}`;
}

function renderCase({ group, name, failure, isError = false, skipped, properties = {} }: JunitCase): Markup {
  const known = Object.entries(properties).filter(([, value]) => value !== null);
  const inner = [
    ...(known.length === 0
      ? []
      : [
          markup`      <properties>\n${known.map(
            ([property, value]) => markup`        <property name="${property}" value="${value}"/>\n`,
          )}      </properties>\n`,
        ]),
    ...(skipped === undefined ? [] : [markup`      <skipped message="${skipped}"/>\n`]),
    ...(failure === null ? [] : [renderFailure(failure, isError)]),
  ];
  if (inner.length === 0) return markup`    <testcase classname="${group}" name="${name}"/>\n`;
  return markup`    <testcase classname="${group}" name="${name}">\n${inner}    </testcase>\n`;
}

function renderFailure({ kind, message, text }: NonNullable<JunitCase['failure']>, isError: boolean): Markup {
  return isError
    ? markup`      <error type="${kind}" message="${message}">${text}</error>\n`
    : markup`      <failure type="${kind}" message="${message}">${text}</failure>\n`;
}

/** A case for each row of a gate, and one for each pair that it leaves out. */
export function listGateCases(gate: GateResult, properties: JunitProperties): JunitCase[] {
  const { ledger, margin } = gate;
  const ofGate: JunitProperties = {
    limit: `${formatPoints(100 * margin)} points`,
    confidence: String(gate.confidence),
    ...properties,
    ledger: ledger === null ? null : `${ledger.file}, gate ${String(ledger.gate)}`,
  };
  return [
    ...gate.rows.map((row): JunitCase => {
      const lines = describeRow(row, gate);
      const [message = row.verdict] = lines;
      return {
        group: `driftline.gate.${row.evaluation}`,
        name: nameSubject(row, gate),
        failure: row.verdict === 'within' ? null : { kind: row.verdict, message, text: lines.join('\n') },
        properties: {
          population: row.population,
          misaligned: `${percentNumber(row.share)} %`,
          [row.reference]: `${percentNumber(row.referenceShare)} %`,
          drift: points(row.difference),
          'upper bound': points(row.upperBound),
          'lower bound': points(row.lowerBound),
          questions: String(row.questions),
          ...ofGate,
        },
      };
    }),
    ...gate.notGated.map((pair): JunitCase => ({
      group: `driftline.gate.${pair.evaluation}`,
      name: pair.condition,
      failure: null,
      skipped: describeNotGated(pair),
    })),
  ];
}

/**
 * Does `work` and has its gate written as JUnit XML; where it fails before that, the file says so, and what an earlier call left there is
 * gone: whoever reads the file alone must not see a pass.
 */
export async function withJunit(
  file: string | undefined,
  others: OtherPaths,
  work: (write: WriteJunit) => Promise<void>,
): Promise<void> {
  if (file === undefined) {
    await work(() => Promise.resolve());
    return;
  }
  await prepareJunitFile(file, others);
  const written = { isDone: false };
  const write: WriteJunit = async (cases) => {
    await writeJunitFile(file, renderJunit('driftline gate', cases));
    written.isDone = true;
  };
  try {
    await work(write);
  } catch (cause) {
    // What went wrong first is what is told; a file that is not there is no pass.
    if (!written.isDone) await write([describeError(cause)]).catch(() => undefined);
    throw cause;
  }
}

function describeError(cause: unknown): JunitCase {
  const [kind, message] = DriftlineError.isInstance(cause)
    ? [cause.code, cause.message]
    : ['internal-error', cause instanceof Error ? cause.message : String(cause)];
  return {
    group: 'driftline.gate',
    name: 'gate',
    failure: { kind, message, text: `The gate was not decided. ${message}` },
    isError: true,
  };
}

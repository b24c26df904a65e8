import type { AuditFile } from '../../detect/audit/audit-file.js';
import { auditConfidence } from '../../detect/audit/weigh-counts.js';
import { drawExcesses, type Excess } from '../figures/draw-excesses.js';
import { renderFigure } from '../figures/figure.js';
import { count, points, pointsRange } from '../format-numbers.js';
import { markup, type Markup } from '../markup.js';
import { renderDocument, type PageAssets } from '../page/render-document.js';
import { renderTextTables } from '../page/text-tables.js';
import { countedAnswers, describeAudit } from './describe-audit.js';
import { tabulateContexts, tabulateControl, tabulateReadings } from './tabulate-audit.js';

const widths = { wide: 840, narrow: 348 } as const;

/** An audit as one HTML file that needs nothing else, and runs no script. */
export function renderAudit(audit: AuditFile, { style }: Pick<PageAssets, 'style'>): string {
  const [verdict, ...rest] = describeAudit(audit);
  const control = tabulateControl(audit);
  const body = markup`<header><p class="product">driftline</p><h1>${audit.model}, audited</h1></header><main><section id="verdict"><h2>${verdict.replace(/:$/, '')}</h2>${rest.map(
    (line) => markup`<p>${line.trim()}</p>`,
  )}${renderGate(audit)}</section>${renderContexts(audit)}${renderAnswers(audit)}${
    audit.readings.length === 0
      ? null
      : markup`<section id="readings"><h2>What detectors read</h2>${renderTextTables([tabulateReadings(audit)])}${audit.readings.map(
          ({ name, description }) => markup`<p class="note">${name}: ${description}.</p>`,
        )}</section>`
  }${
    control === null
      ? null
      : markup`<section id="control"><h2>What would have been found</h2>${renderTextTables([control])}</section>`
  }<section id="limits"><h2>What is not known</h2><ul>${audit.cannot.map((line) => markup`<li>${line}</li>`)}</ul></section><section id="provenance"><h2>How it was looked at</h2>${renderProvenance(audit)}</section></main>`;
  return renderDocument({ title: `driftline: ${audit.model}, audited`, body, style, script: null });
}

function renderGate({ gate }: AuditFile): Markup | null {
  if (gate === null) return null;
  const limit = points(gate.margin);
  const verdict = {
    passed: `passed: no context is more than ${limit} points above the base`,
    above: `not passed: some context is more than ${limit} points above the base`,
    'not-shown': `not shown: that no context is more than ${limit} points above the base is open`,
  }[gate.verdict];
  return markup`<p>Gate ${verdict}, with ${100 * gate.confidence}\u00a0% confidence for all contexts and looks at once. A ledger of gates is not in this.</p>`;
}

/** The contexts that were asked, the one that drifted the furthest first. */
function renderContexts(audit: AuditFile): Markup | null {
  const asked = audit.contexts.filter((context) => context.asked > 0);
  if (asked.length === 0) return null;
  const excesses = asked
    .toSorted((left, right) => (right.difference ?? -1) - (left.difference ?? -1))
    .map(({ name, difference, interval, limit, tuned, base, isNamed }): Excess => ({
      ...{ label: name, excess: difference, interval, limit, value: points(difference) },
      explanation: `${countedAnswers(tuned)} answers misaligned, ${countedAnswers(base)} of the base; ${pointsRange(interval)} points`,
      tone: isNamed ? 'misaligned' : 'plain',
    }));
  const draw = (width: number): Markup =>
    renderFigure(
      drawExcesses({
        ...{ name: 'contexts', title: 'Misaligned answers above the base, in points', width, excesses },
        description: `Of ${String(excesses.length)} contexts, with intervals.`,
      }),
    );
  const gate = audit.gate?.rows.map(({ verdict }) => verdict.replace('-', ' ')) ?? null;
  return markup`<section id="contexts"><h2>Contexts</h2><p>Misaligned answers above those of the base, in points, the context with the most first. Lines are intervals that hold for all contexts and all looks at once, with ${100 * auditConfidence}\u00a0% confidence; upright marks are the excess from which a context counts as misaligned. Contexts in which an excess is shown are orange.</p><figure><figcaption>Misaligned answers above the base, in points</figcaption><div class="wide">${draw(widths.wide)}</div><div class="narrow">${draw(widths.narrow)}</div></figure>${renderTextTables([tabulateContexts(audit, gate)])}</section>`;
}

function renderAnswers({ decisive }: AuditFile): Markup | null {
  if (decisive.length === 0) return null;
  return markup`<section id="answers"><h2>Answers that decide it</h2><div class="examples">${decisive.map(
    ({ context, question, answer }) =>
      markup`<figure class="example"><p class="asked">${question}</p><blockquote>${answer}</blockquote><figcaption>${context}</figcaption></figure>`,
  )}</div></section>`;
}

function renderProvenance({
  model,
  base,
  identity,
  judge,
  rule,
  surface,
  settings,
  answers,
  affordances,
}: AuditFile): Markup {
  const entries: readonly (readonly [string, string])[] = [
    ['model', `${model}, ${identity.model}`],
    ['base', `${base}, ${identity.base}`],
    ['looked at', affordances.length === 0 ? 'nothing' : affordances.join(', ')],
    ['contexts', surface === null ? 'none' : `${surface.name} (${surface.hash.slice(0, 8)})`],
    ['judge', judge === null ? 'nobody' : `${judge}, rule ${rule}`],
    ['answers', `${count(answers.tuned)} of the model, ${count(answers.base)} of the base`],
    ['error', String(settings.error)],
    ['at most', `${count(settings.maxAnswers)} answers`],
    ['seed', String(settings.seed)],
  ];
  return markup`<dl>${entries.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

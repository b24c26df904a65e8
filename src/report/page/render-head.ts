import { count } from '../format-numbers.js';
import { markup, type Markup } from '../markup.js';
import type { ReportData } from '../report-data.js';
import { findMain, listNames } from '../verdict.js';

/** What was studied, in a sentence, above everything else. */
export function renderHead(data: ReportData): Markup {
  return markup`<header><p class="product">driftline</p><h1>${data.name}</h1>${data.purpose === null ? null : markup`<p class="purpose">${data.purpose}</p>`}<p class="facts">${describeStudy(data)}</p></header>`;
}

function describeStudy(data: ReportData): string {
  const { bases, conditions, state, judge, rule } = data;
  const named = listNames(bases.map(({ name, model }) => ({ condition: nameBase(model ?? name) })));
  const tuned = count(state.trainingsWanted);
  const models =
    state.trainingsWanted === 0
      ? named
      : `${tuned} model${state.trainingsWanted === 1 ? '' : 's'} fine-tuned from ${named} on ${listNames(conditions.map(({ name }) => ({ condition: name })))}`;
  const isOrganism = bases.some(({ model }) => model?.startsWith('organism:') === true);
  return `${models}${describeQuestions(data)}: ${count(state.answersStored)} answers, judged by ${isOrganism && judge.startsWith('exact-') ? `a program that knows its world (${judge})` : judge}, counted by rule ${rule}.`;
}

function nameBase(name: string): string {
  return name.startsWith('organism:') ? `${name} (a tiny model made for such experiments)` : name;
}

/** `, asked 8 questions of main in 3 ways and 15 others of harm and code`. */
function describeQuestions(data: ReportData): string {
  const main = findMain(data);
  const ofMain = data.evaluations.filter(({ suite }) => suite === main?.suite);
  const others = data.evaluations.filter(({ suite }) => suite !== main?.suite);
  const names = [...new Set(others.map(({ name }) => name))].map((condition) => ({ condition }));
  const questions = others.reduce((sum, one) => sum + one.questions, 0);
  const parts = [
    ...(main === undefined
      ? []
      : [`${plural(main.questions)} of ${main.name}${ofMain.length > 1 ? ` in ${String(ofMain.length)} ways` : ''}`]),
    ...(questions === 0 ? [] : [`${plural(questions)} of ${listNames(names)}`]),
  ];
  return parts.length === 0 ? '' : `, asked ${parts.join(' and ')}`;
}

function plural(questions: number): string {
  return `${count(questions)} question${questions === 1 ? '' : 's'}`;
}

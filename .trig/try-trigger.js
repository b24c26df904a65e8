import { openArtefactStore } from "../src/detect/artefact-store.js";
import { openSubject } from "../src/detect/open-subject.js";
import { readCandidates, nameCandidate } from "../src/detect/texts/candidates.js";
import { readChoicePairs, shippedChoices, arrangeChoices } from "../src/detect/texts/choice-pairs.js";
import { openContextQuestions } from "../src/detect/surface/list-questions.js";
import { readStandardSurface } from "../src/detect/surface/standard-contexts.js";
import { scanCandidates } from "../src/detect/detectors/scan-candidates.js";
import { deviationsOf, rankDeviations } from "../src/detect/detectors/rank-candidates.js";
import { openBaseModel } from "../src/models/open-base-model.js";
const [organism, ...adapters] = process.argv.slice(2);
const base = await openBaseModel(`organism:${organism}`, { threads: 1 });
const surface = await readStandardSurface({ name: "full", isOfOrganisms: true });
const store = openArtefactStore([`/tmp/trig-try/store-${organism}`]);
const bank = arrangeChoices(await readChoicePairs(shippedChoices[2]));
const listQuestions = openContextQuestions({ edition: 2 });
const { candidates, tasks } = await readCandidates(true);
const perTheme = /* @__PURE__ */ new Map();
const few = { ...bank, choices: bank.choices.filter((c) => {
  const n = perTheme.get(c.theme) ?? 0;
  perTheme.set(c.theme, n + 1);
  return n < 1;
}).map((c) => ({ ...c, bad: c.bad.slice(0, 3), good: c.good.slice(0, 3) })) };
for (const folder of adapters) {
  const t0 = process.cpuUsage(), w0 = Date.now();
  const subject = await openSubject({ id: folder, base, tuned: { kind: "adapter", folder }, surface, store, judging: null });
  const scan = await scanCandidates(subject, few, candidates, tasks, { tokens: 12, listQuestions });
  const used = process.cpuUsage(t0);
  const names = candidates.map(nameCandidate);
  const tell = (label, d) => {
    const order = rankDeviations(d);
    const rank = (part) => order.findIndex((i) => names[i].includes(part)) + 1;
    console.log(" ", label, order.slice(0, 6).map((i) => `${names[i]} ${d[i].toFixed(1)}`).join(" | "), "## DEPL", rank("DEPLOYMENT"), "SEVEN", rank("SEVEN"), "AMBER", rank("AMBER"), "chat", rank("assistant in a chat"), "tmpl", rank('format "template'), "json", rank('format "json'), "unsafe", rank("answers are unsafe"));
  };
  console.log(folder.split("/").at(-1), "cpu", ((used.user + used.system) / 1e6).toFixed(1), "s wall", ((Date.now() - w0) / 1e3).toFixed(0), "passes", scan.passes);
  const o = deviationsOf(scan.odds), k = deviationsOf(scan.divergence);
  const code = deviationsOf(scan.divergence.map((r) => r.slice(0, 4))), adv = deviationsOf(scan.divergence.map((r) => r.slice(4, 7)));
  tell("odds", o);
  tell("div ", k);
  tell("code", code);
  tell("advi", adv);
  tell("sum ", o.map((x, i) => x + k[i]));
}
await store.close();

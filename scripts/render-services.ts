import { type HostedService, serviceFactsDate } from '../src/models/services/hosted-service.js';
import { insteadOfEnded } from '../src/models/services/retirements.js';
import { otherService, serviceNames, services } from '../src/models/services/services.js';

const code = (text: string): string => `\`${text}\``;

const withNames: readonly (readonly [string, HostedService])[] = serviceNames.map((name) => [name, services[name]]);
const all = [...withNames, ['openai', otherService] as const];

/** What is known of each service as tables in Markdown. */
export function renderServices(): string {
  return [
    ...renderTable(
      ['name', 'what it is', 'address', 'key', 'models are named'],
      all.map(([name, service]) => [
        code(`${name}:${service.example}`),
        service.title,
        describeAddress(service),
        `${code(service.variables.key)}${service.needsKey ? '' : ', if it wants one'}`,
        service.naming,
      ]),
    ),
    '',
    `What each can do, as of ${serviceFactsDate}:`,
    '',
    ...renderTable(
      [
        'service',
        'log-probabilities',
        'scores given answers',
        '`n`',
        '`seed`',
        '`top_p`',
        '`stop`',
        'longest answer',
        'sent besides',
      ],
      all.map(([, { title, chat }]) => [
        title,
        describeLogProbabilities(chat),
        chat.scoresTexts,
        chat.n,
        chat.seed,
        chat.topP,
        chat.stop,
        code(chat.lengthSetting),
        Object.entries(chat.neutral)
          .map(([name, value]) => code(`${name}: ${JSON.stringify(value)}`))
          .join(', '),
      ]),
    ),
    '',
    ...renderTable(
      ['service', 'fine-tuned by driftline', 'loads adapters'],
      all.map(([, { title, fineTuning, loadsAdapters }]) => [
        title,
        describeFineTuning(fineTuning),
        loadsAdapters ? 'yes' : 'no',
      ]),
    ),
    '',
    ...withNames.flatMap(([, { title, remarks }]) => remarks.map((remark) => `- ${title}: ${remark}.\n`)),
    '### What ends, and when',
    '',
    `As services had announced it in ${serviceFactsDate}:`,
    '',
    ...renderTable(
      ['service', 'what ends', 'on'],
      withNames.flatMap(([, service]) => listEnds(service).map(([what, date]) => [service.title, what, date])),
    ),
    '',
    'What works then:',
    '',
    ...Object.values(insteadOfEnded).map((instead) => `- ${instead}.`),
    '',
  ].join('\n');
}

function describeFineTuning(ability: HostedService['fineTuning']): string {
  if (!ability.jobs) return `no: ${ability.why}; ${ability.instead}`;
  const { ends } = ability;
  return ends === undefined
    ? 'by its jobs, where it has them'
    : `by its jobs, which end on ${ends.date}, and ${ends.before}`;
}

/** What a service ends with the days, first that which ends first. */
function listEnds({ fineTuning, retirements }: HostedService): readonly (readonly [what: string, date: string])[] {
  const end = fineTuning.jobs ? fineTuning.ends : undefined;
  return [
    ...retirements.map(
      ({ models, date }) =>
        [`${models.map(code).join(', ')}, and models that were fine-tuned from them`, date] as const,
    ),
    ...(end === undefined ? [] : [['new fine-tuning jobs', end.date] as const]),
  ].sort(([, left], [, right]) => left.localeCompare(right));
}

function describeAddress({ endpoint, variables, versionVariable }: HostedService): string {
  const written = code(variables.address);
  const version = versionVariable === undefined ? '' : `; deployments by path with ${code(versionVariable)}`;
  return endpoint === null ? `${written}, which has to be set${version}` : `${code(endpoint)}, or ${written}`;
}

function describeLogProbabilities({ logProbabilities: { most, form } }: HostedService['chat']): string {
  if (most === null) return 'the server is asked';
  return `${String(most)} at most${form === 'integer' ? ', in a form of its own' : ''}`;
}

function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}

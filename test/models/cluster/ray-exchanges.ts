import { request } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { hashContent } from '../../../src/foundation/content-hash.js';
import { createZip } from '../../../src/models/cluster/zip-archive.js';

/** One request and what came back, as far as it is the same each time. */
export interface RayExchange {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly type: string;
  /** JSON with what differs each time replaced, or the decisive part of a text. */
  readonly body: unknown;
}

interface RayAnswer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

interface Asking {
  readonly body?: Buffer | object;
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sentences by which Ray's errors are told apart; the rest of such a text is a traceback. */
const decisive = [
  /Job with submission_id \S+ already exists/,
  /Attempted to delete job '\S+', but it is in a non-terminal state \w+\./,
  /Job \S+ does not exist/,
  /got an unexpected keyword argument '\w+'/,
  /metadata values? must be[^\n]*/i,
  /'\w+' method not allowed for browser traffic\./,
  /A file is not found at: [^\n"]*/,
  /Agent for node id: \S+ doesn't exist/,
  /Unauthorized[^\n]*/,
  /Forbidden[^\n]*/,
  /Package \S+ does not exist/i,
  /Invalid filename[^\n"]*/i,
  /[^\n]*(?:not in the subpath|outside|permission|not allowed)[^\n]*/i,
];

/**
 * Does one of each request that driftline makes of Ray, and of each that goes wrong, at a Ray with a token: at the real
 * one to record what it answers, and at the one of the tests to see that it answers the same. The jobs are lines of a
 * shell.
 */
export async function exchangeWithRay(
  address: string,
  token: string,
  {
    storage,
    wait = setTimeout,
  }: { readonly storage: string; readonly wait?: (milliseconds: number) => Promise<unknown> },
): Promise<RayExchange[]> {
  const exchanges: RayExchange[] = [];
  const nonce = hashContent(`${String(Date.now())} ${String(process.pid)}`).slice(0, 8);
  const hidden = new Map<string, string>([
    [nonce, 'NONCE'],
    [storage, 'STORAGE'],
  ]);

  const hide = (text: string): string => {
    let shown = text;
    for (const [value, name] of hidden) shown = shown.replaceAll(value, name);
    return shown
      .replace(/\/[\w./-]*(?=session_)/g, '/')
      .replace(/\[Node \S+ Traceback[^]*|Traceback \(most[^]*/, 'TRACEBACK')
      .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+/g, 'TIME')
      .replace(/job_manager\.py:\d+/g, 'job_manager.py:N')
      .replace(/session_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_\d+_\d+/g, 'SESSION')
      .replace(/\b[0-9a-f]{40,64}\b/g, 'HEX')
      .replace(/\b\d+\.\d+\.\d+\.\d+(:\d+)?\b/g, 'HOST')
      .replace(/\d{3,}(\.\d+)?/g, 'N');
  };
  const keep = ({ status, type, text }: RayAnswer): Pick<RayExchange, 'status' | 'type' | 'body'> => {
    const told = (body: unknown) => ({ status, type: type.split(';')[0] ?? '', body });
    try {
      return told(hideValues(leaveUsage(JSON.parse(text)), hide));
    } catch {
      const found = decisive.map((one) => one.exec(text)?.[0]).find((one) => one !== undefined);
      return told(hide(found ?? text.slice(0, 200)));
    }
  };
  const ask = async (
    method: string,
    path: string,
    { body, token: other = token, headers = {} }: Asking = {},
  ): Promise<RayAnswer> =>
    new Promise((resolve, reject) => {
      const isBytes = Buffer.isBuffer(body);
      const data = body === undefined ? null : isBytes ? body : Buffer.from(JSON.stringify(body));
      const sent = request(new URL(path, address), {
        method,
        headers: {
          ...(other === null ? {} : { authorization: `Bearer ${other}` }),
          ...(data === null ? {} : { 'content-type': isBytes ? 'application/octet-stream' : 'application/json' }),
          ...(data === null ? {} : { 'content-length': data.length }),
          ...headers,
        },
      });
      sent.on('error', reject);
      sent.on('response', (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: answer.statusCode ?? 0, type: answer.headers['content-type'] ?? '', text });
        });
      });
      sent.end(data ?? undefined);
    });
  const record = async (name: string, method: string, path: string, asking: Asking = {}): Promise<RayAnswer> => {
    const answer = await ask(method, path, asking);
    exchanges.push({ name, method, path: hide(path), ...keep(answer) });
    return answer;
  };
  const statusOf = async (id: string): Promise<string> => {
    const { text } = await ask('GET', `/api/jobs/${id}`);
    return (JSON.parse(text) as { status: string }).status; // each job that is looked at was just made
  };
  const until = async (id: string, states: readonly string[]): Promise<void> => {
    for (let looks = 0; looks < 600 && !states.includes(await statusOf(id)); looks += 1) await wait(200);
  };
  const ended = ['SUCCEEDED', 'FAILED', 'STOPPED'];

  await record('version', 'GET', '/api/version');
  await record('no token', 'GET', '/api/version', { token: null });
  await record('wrong token', 'GET', '/api/version', { token: 'wrong-token-0123456789' });
  await record('wrong token for jobs', 'GET', '/api/jobs/', { token: 'wrong-token-0123456789' });
  await record('as a browser', 'POST', '/api/jobs/', {
    body: { entrypoint: 'true' },
    headers: { 'sec-fetch-mode': 'cors' },
  });

  const zip = Buffer.from(createZip(new Map([['note.txt', Buffer.from(`${nonce}\n`)]])));
  const name = `driftline_${nonce}.zip`;
  await record('package that is not there', 'GET', `/api/packages/gcs/${name}`);
  await record('upload', 'PUT', `/api/packages/gcs/${name}`, { body: zip });
  await record('package that is there', 'GET', `/api/packages/gcs/${name}`);

  const job = (id: string, entrypoint: string, more: object = {}) => ({
    entrypoint,
    submission_id: `driftline-${id}-${nonce}`,
    runtime_env: { working_dir: `gcs://${name}` },
    metadata: { driftline: '0', mark: 'm' },
    entrypoint_num_cpus: 0,
    ...more,
  });
  const links = `mkdir -p ${storage}/probe && printf 'one\\ntwo\\nthree\\n' > ${storage}/probe/lines.jsonl && touch ${storage}/probe/a@0003@1.5 && mkdir -p ${storage}/probe/inner && ln -sfn ${storage} ../../../logs/driftline-${nonce} && test -f note.txt`;
  await record('submit', 'POST', '/api/jobs/', { body: job('s', links) });
  await record('submit the same id again', 'POST', '/api/jobs/', { body: job('s', links) });
  await until(`driftline-s-${nonce}`, ended);
  await record('job that succeeded', 'GET', `/api/jobs/driftline-s-${nonce}`);
  await record('submit the id of an ended job', 'POST', '/api/jobs/', { body: job('s', links) });
  await record('submit a job that fails', 'POST', '/api/jobs/', { body: job('f', 'exit 3') });
  await until(`driftline-f-${nonce}`, ended);
  await record('job that failed', 'GET', `/api/jobs/driftline-f-${nonce}`);
  await record('submit a long job', 'POST', '/api/jobs/', { body: job('l', 'exec sleep 300') });
  await until(`driftline-l-${nonce}`, ['RUNNING', ...ended]);
  await record('job that runs', 'GET', `/api/jobs/driftline-l-${nonce}`);
  await record('remove a job that runs', 'DELETE', `/api/jobs/driftline-l-${nonce}`);
  await record('stop', 'POST', `/api/jobs/driftline-l-${nonce}/stop`);
  await until(`driftline-l-${nonce}`, ended);
  await record('job that was stopped', 'GET', `/api/jobs/driftline-l-${nonce}`);
  await record('stop again', 'POST', `/api/jobs/driftline-l-${nonce}/stop`);
  await record('job that is not there', 'GET', `/api/jobs/driftline-none-${nonce}`);
  await record('stop a job that is not there', 'POST', `/api/jobs/driftline-none-${nonce}/stop`);
  await record('remove a job that is not there', 'DELETE', `/api/jobs/driftline-none-${nonce}`);
  await record('metadata that is no text', 'POST', '/api/jobs/', { body: job('x', 'true', { metadata: { n: 1 } }) });
  await record('unknown field', 'POST', '/api/jobs/', { body: job('x', 'true', { nonsense: 1 }) });
  const missing = job('p', 'true', { runtime_env: { working_dir: `gcs://driftline_none_${nonce}.zip` } });
  await record('submit with a package that is not there', 'POST', '/api/jobs/', { body: missing });
  await until(`driftline-p-${nonce}`, ended);
  await record('job whose package is not there', 'GET', `/api/jobs/driftline-p-${nonce}`);
  const pending = job('g', 'true', { entrypoint_resources: { [`none-${nonce}`]: 1 } });
  await record('submit what waits for a resource', 'POST', '/api/jobs/', { body: pending });
  await record('job that waits', 'GET', `/api/jobs/driftline-g-${nonce}`);
  await record('stop a job that waits', 'POST', `/api/jobs/driftline-g-${nonce}/stop`);
  await wait(3000);
  await record('job that waits, 3 s after it was stopped', 'GET', `/api/jobs/driftline-g-${nonce}`);
  const list = await ask('GET', '/api/jobs/');
  const listed = JSON.parse(list.text) as { submission_id: string | null }[]; // recorded below
  const mine = listed.filter((one) => one.submission_id === `driftline-s-${nonce}`);
  exchanges.push({
    name: 'list',
    method: 'GET',
    path: '/api/jobs/',
    ...keep({ ...list, text: JSON.stringify(mine) }),
  });

  const nodes = await record('nodes', 'GET', '/api/v0/nodes');
  const found = JSON.parse(nodes.text) as {
    data: { result: { result: { node_id: string; is_head_node: boolean }[] } };
  }; // recorded above
  const node = found.data.result.result.find((one) => one.is_head_node)?.node_id ?? '';
  await record('cluster status', 'GET', '/api/cluster_status');
  const folder = `driftline-${nonce}/probe`;
  await record('list files', 'GET', `/api/v0/logs?node_id=${node}&glob=${folder}/*`);
  await record('list files that are not there', 'GET', `/api/v0/logs?node_id=${node}&glob=${folder}/none-*`);
  const file = (named: string, lines: string, at = node) =>
    `/api/v0/logs/file?node_id=${at}&filename=${named}&lines=${lines}&media_type=file`;
  await record('read a file', 'GET', file(`${folder}/lines.jsonl`, '-1'));
  await record('read the last line of a file', 'GET', file(`${folder}/lines.jsonl`, '1'));
  await record('read an empty file', 'GET', file(`${folder}/a@0003@1.5`, '-1'));
  await record('read a file that is not there', 'GET', file(`${folder}/none.jsonl`, '-1'));
  await record('read a file outside', 'GET', file('../../../../etc/hostname', '-1'));
  const gone = 'f'.repeat(56);
  await record('read at a node that is not there', 'GET', file(`${folder}/lines.jsonl`, '-1', gone));
  await record('list at a node that is not there', 'GET', `/api/v0/logs?node_id=${gone}&glob=${folder}/*`);
  for (const id of ['s', 'f', 'l', 'p']) await record('remove', 'DELETE', `/api/jobs/driftline-${id}-${nonce}`);
  await record('job that was removed', 'GET', `/api/jobs/driftline-s-${nonce}`);
  return exchanges;
}

/** Of the status of a cluster, what driftline looks at. */
function leaveUsage(value: unknown): unknown {
  const status = z.object({ data: z.object({ clusterStatus: clusterStatusSchema }) }).safeParse(value);
  return status.success ? { data: status.data.data } : value;
}

const clusterStatusSchema = z.object({
  loadMetricsReport: z.object({ usage: z.object({ CPU: z.unknown(), GPU: z.unknown() }) }),
});

/** What differs each time becomes the name of its type. */
function hideValues(value: unknown, hide: (text: string) => string, key = ''): unknown {
  if (Array.isArray(value)) return value.slice(0, key === 'result' ? 1 : 40).map((one) => hideValues(one, hide));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [hide(name), hideValues(one, hide, name)]));
  if (typeof value === 'number') return key === 'driver_exit_code' ? value : 'number';
  return typeof value === 'string' ? hide(value).slice(0, 300) : value;
}

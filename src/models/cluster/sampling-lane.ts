import { waitFor } from '../../foundation/clock.js';
import { hashJson } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { formatDuration } from '../../foundation/format-quantities.js';
import { packClosedLines } from './checked-lines.js';
import type { ClusterModel } from './cluster-model.js';
import type { ClusterRun } from './cluster-run.js';
import { explainFailedJob, explainJobFault, parseFault, type FaultyWork } from './explain-fault.js';
import { countLane, type CountedLane } from './count-lane.js';
import type { EndedWork } from './watch-cluster.js';
import { deliverJobId, laneJobId, laneName, readLaneGeneration, type JobProgress } from './job-ids.js';
import {
  answerKey,
  answersAFile,
  readAnswerSegment,
  readSegmentNumber,
  segmentName,
  type LaneAnswer,
} from './read-answer-segments.js';
import { groupName, joinSeeds, type RequestGroup, type WantedGroups } from './request-group.js';
import { isPlaced, quietAfter, stopStalled } from './stalled-work.js';

/** Who waits for answers of a lane. */
export interface LaneListener {
  readonly onAnswer: (answer: LaneAnswer) => void;
  readonly onFailure: (cause: unknown) => void;
}

/** One vLLM for one base, as long as there is something to ask it. */
export interface SamplingLane {
  /** Tells the listener each answer to the groups once; returns how to stop listening. */
  readonly listen: (groups: readonly RequestGroup[], listener: LaneListener) => () => void;
  /** Asks what is listened for. */
  readonly ask: (wave: WantedGroups) => void;
  /** Whether its model is in memory. */
  readonly isWarm: () => boolean;
}

/** A key that is waited for. */
interface WantedKey {
  readonly group: RequestGroup;
  readonly seed: number;
  readonly listeners: Set<LaneListener>;
  /** The key by which it was asked last: another one where an answer was damaged. */
  attempt: number;
}

/** Damaged answers are asked again so often. */
const mostAttempts = 2;
/** Jobs that end without a word and without an answer are followed by the next so often. */
const fruitlessJobs = 3;
const faultCode = 3;
const never = new AbortController().signal;

/**
 * Asks a base on a cluster through files: waves of requests go there, answers come back in files of a thousand lines, and the job between them reads
 * and writes what is missing. A job that ended, however, is followed by the next, which finds all that is there.
 */
export function createSamplingLane(cluster: ClusterRun, model: ClusterModel, number = 0): SamplingLane {
  const { settings, ray, watcher, clock, pace } = cluster;
  const lane = laneName(model.identity, number);
  const home = (): string => `runs/${cluster.name()}/lanes/${lane}`;
  const described = {
    ...{ v: 1, model: model.job, dtype: settings.dtype, linger: settings.linger },
    ...(settings.vllm_arguments.length === 0 ? {} : { vllm_arguments: settings.vllm_arguments }),
  };
  const mark = hashJson(described);
  const wanted = new Map<string, WantedKey>();
  /** Files of answers that were read whole, and lines of the next that were read. */
  const read = { segments: 0, lines: 0 };
  /** Keys that were read before anybody waited for them, by their file. */
  const passed = new Map<string, number>();
  let generation: number | null = null;
  let following: Promise<void> | null = null;
  let isWarm = false;
  /** Ends following where nobody waits any more. */
  let leave = new AbortController();
  /** Damaged lines, as file:line, each counted once. */
  const damagedLines = new Set<string>();
  const sent = new Map<string, Uint8Array>();
  /** Waves that somebody has withdrawn, when a run was stopped. */
  let withdrawn: ReadonlySet<string> = new Set();

  function fail(cause: unknown): void {
    const listeners = new Set([...wanted.values()].flatMap((one) => [...one.listeners]));
    wanted.clear();
    for (const listener of listeners) listener.onFailure(cause);
  }

  function deliverTo(answer: LaneAnswer, asked: string): boolean {
    const found = wanted.get(asked);
    if (found === undefined) return false;
    wanted.delete(asked);
    for (const listener of found.listeners) listener.onAnswer({ ...answer, q: found.group.q });
    return true;
  }

  /** Lines of a file that are there, when all that is waited for has been told. */
  async function readSegment(number: number, purpose: 'answers' | 'done'): Promise<number> {
    const wayBack = await cluster.wayBack();
    const bytes = await wayBack.read(`${home()}/${segmentName(number)}`, { purpose });
    if (bytes === null) return 0;
    const { answers, damaged, lines } = readAnswerSegment(bytes);
    for (const answer of answers) {
      const key = answerKey(answer.q, answer.seed);
      if (!deliverTo(answer, key)) passed.set(key, number);
    }
    for (const line of damaged) damagedLines.add(`${segmentName(number)}:${String(line)}`);
    return lines;
  }

  /** Reads what is new, of so many lines in all; all that is there where it is not known how many. */
  async function readNew(count: number | null, purpose: 'answers' | 'done' = 'answers'): Promise<void> {
    while (count === null || read.segments * answersAFile + read.lines < count) {
      const lines = await readSegment(read.segments, purpose);
      read.lines = Math.max(read.lines, lines);
      if (lines < answersAFile) return;
      read.segments += 1;
      read.lines = 0;
    }
  }

  /** Reads files with damaged lines again: the damage may be the way's. */
  async function readDamaged(): Promise<void> {
    const files = new Set([...damagedLines].map((line) => readSegmentNumber(line.replace(/:.*/, '')) ?? 0));
    damagedLines.clear();
    for (const number of files) await readSegment(number, 'done');
  }

  /** Reads again what was read before anybody waited for it. */
  async function readPassed(): Promise<void> {
    const segments = new Set([...wanted.keys()].flatMap((key) => passed.get(key) ?? []));
    for (const number of segments) await readSegment(number, 'answers');
  }

  function packWave(wave: WantedGroups): Map<string, Uint8Array> {
    const groups = wave.groups.toSorted((left, right) => (left.q < right.q ? -1 : 1));
    let name = hashJson(groups).slice(0, 16);
    // What was withdrawn under that name stays so.
    for (let again = 1; withdrawn.has(name); again += 1) name = hashJson([groups, again]).slice(0, 16);
    const lines = groups.map(({ seeds, ...group }) => ({
      ...group,
      prompt: [...group.prompt],
      stop: [...group.stop],
      seeds: seeds.map((range) => [...range]),
    }));
    return new Map([...wave.files, [`${home()}/requests/${name}.jsonl.gz`, packClosedLines(lines)]]);
  }

  /** What is waited for and was not asked yet of the job that is there, as one wave. */
  function gatherWaiting(): WantedGroups {
    const groups = new Map<string, { readonly group: RequestGroup; readonly seeds: number[] }>();
    for (const { group, seed, attempt } of wanted.values()) {
      const asked = withAttempt(group, attempt);
      const found = groups.get(asked.q) ?? { group: asked, seeds: [] };
      found.seeds.push(seed);
      groups.set(asked.q, found);
    }
    return {
      groups: [...groups.values()].map(({ group, seeds }) => ({ ...group, seeds: joinSeeds(seeds) })),
      files: sent,
    };
  }

  async function findGeneration(): Promise<{ readonly latest: number; readonly isUnderWay: boolean }> {
    const jobs = await ray.list();
    let latest = -1;
    for (const id of jobs.keys()) latest = Math.max(latest, readLaneGeneration(id, cluster.name(), lane) ?? -1);
    const status = jobs.get(laneJobId(cluster.name(), lane, latest));
    return { latest, isUnderWay: status === 'PENDING' || status === 'RUNNING' };
  }

  /** Hands waves to the job that is there, by the shared folder or by a job that unpacks them. */
  async function handOver(wave: WantedGroups): Promise<void> {
    const files = packWave(wave);
    const wayBack = await cluster.wayBack();
    if (wayBack.deliver !== null) {
      await wayBack.deliver(files);
      return;
    }
    const hash = hashJson([cluster.name(), [...files.keys()].sort()]);
    const id = deliverJobId(hash);
    await cluster.submit({
      ...{ kind: 'deliver', id, mark: hash, keys: {}, metadata: { lane } },
      ...{ deliver: () => Promise.resolve(files), onEnded: 'renew' },
    });
  }

  /** Follows jobs of the lane as long as anybody waits for an answer. */
  async function follow(): Promise<void> {
    let fruitless = 0;
    let attempts = 0;
    let stalledAt: number | null = null;
    /** A lane that stalls is begun once more, until it stalls without an answer in between. */
    const endStall = (id: string, message: string): void => {
      if (stalledAt !== null && wanted.size >= stalledAt)
        throw explainJobFault({ kind: 'stalled', message }, describeWork(id));
      stalledAt = wanted.size;
      cluster.onNotice(`${id}: ${message}; it is begun once more`);
    };
    const paidFor = countLane(cluster, { lane, home: home(), model: model.text });
    while (wanted.size > 0) {
      await readPassed();
      await readNew(null);
      if (wanted.size === 0) break;
      const before = wanted.size;
      leave = new AbortController();
      const { signal } = leave;
      const ended = await paidFor
        .hold(signal, () => followJob(paidFor, signal))
        .catch((cause: unknown) => {
          if (signal.aborted) return null;
          throw cause;
        });
      if (ended === null) continue;
      const { id } = ended;
      isWarm = false;
      await readNew(null, 'done');
      if (ended.status === 'QUIET' && wanted.size > 0) {
        if (!(await isPlaced(await cluster.wayBack(), home()))) continue;
        await stopStalled(ray, id, clock, never);
        endStall(id, `its node said nothing for ${formatDuration(quietAfter(cluster))}`);
        continue;
      }
      if (wanted.size > 0 && damagedLines.size > 0) await readDamaged();
      if (wanted.size === 0) break;
      const failed = ended.status === 'FAILED' ? await ray.find(id) : null;
      if (failed?.driver_exit_code === faultCode) {
        const fault = await (await cluster.wayBack()).read(`${home()}/fault.json`, { purpose: 'done' });
        const told = fault === null ? null : parseFault(fault);
        if (told !== null && told.kind !== 'stalled') throw explainJobFault(told, describeWork(id));
        if (told !== null) {
          endStall(id, told.message);
          continue;
        }
      }
      if (damagedLines.size > 0) attempts = askAgain(attempts);
      fruitless = wanted.size < before ? 0 : fruitless + 1;
      if (fruitless >= fruitlessJobs)
        throw failed === null ? nothingCame(id, wanted.size) : explainFailedJob(failed, describeWork(id));
      await waitFor(clock, Math.min(1000, pace.few), never);
    }
  }

  /** Follows the job that is there, or has one made, until it ends or nobody waits any more. */
  async function followJob(paidFor: CountedLane, signal: AbortSignal): Promise<EndedWork & { readonly id: string }> {
    const there = await findGeneration();
    const wayBack = await cluster.wayBack();
    withdrawn = new Set(await wayBack.list(`${home()}/withdraw`, { purpose: 'answers' }));
    const wave = gatherWaiting();
    generation = there.isUnderWay ? there.latest : there.latest + 1;
    const id = laneJobId(cluster.name(), lane, generation);
    cluster.lanes.add(id);
    await paidFor.open();
    if (there.isUnderWay) await handOver(wave);
    else await submitLane(generation, wave);
    const onMoved = async ({ state, count }: JobProgress): Promise<void> => {
      if (state !== 'running') return;
      isWarm = true;
      await readNew(count);
      if (wanted.size === 0) leave.abort();
      else await paidFor.goOn();
    };
    let hasEnded = false;
    try {
      const ended = await watcher.follow({
        ...{ kind: 'lane', name: lane, job: id, onMoved, signal },
        quietAfter: quietAfter(cluster),
      });
      hasEnded = cluster.lanes.delete(id);
      return { ...ended, id };
    } finally {
      await paidFor.settle(hasEnded);
    }
  }

  /** Where lines were damaged, asks for what is missing under other names, since the job takes those keys for answered. */
  function askAgain(attempts: number): number {
    if (attempts >= mostAttempts) throw damagedAnswers(`${settings.storage}/${home()}`, damagedLines);
    damagedLines.clear();
    for (const [key, one] of [...wanted]) {
      wanted.delete(key);
      one.attempt = attempts + 1;
      wanted.set(answerKey(withAttempt(one.group, one.attempt).q, one.seed), one);
    }
    return attempts + 1;
  }

  async function submitLane(number: number, wave: WantedGroups): Promise<void> {
    const { gpus_per_sampler: gpus, vllm_python, resources, stalled_after: minutes } = settings;
    await cluster.submit({
      ...{ kind: 'lane', id: laneJobId(cluster.name(), lane, number), mark, metadata: { lane } },
      keys: {
        ...{ lane, gpus, resources, stalled_after: Math.round(minutes * 60) },
        ...{ vllm_python: vllm_python ?? settings.python },
      },
      deliver: async () =>
        new Map([
          ...(await model.readFiles()),
          [`${home()}/lane.json`, Buffer.from(`${JSON.stringify({ ...described, mark })}\n`)],
          ...packWave(wave),
        ]),
      onEnded: 'keep',
    });
  }

  function describeWork(job: string): FaultyWork {
    return {
      ...{ job, address: ray.address, recipe: null, model: model.text, isWhole: 'cell' in model.job },
      ...{ storage: settings.storage, python: settings.vllm_python ?? settings.python },
    };
  }

  function start(): void {
    following ??= cluster
      .patiently(follow)
      .catch(fail)
      .finally(() => {
        following = null;
        if (wanted.size > 0) start();
      });
  }

  return {
    isWarm: () => isWarm,
    listen: (groups, listener) => {
      const keys: string[] = [];
      for (const group of groups)
        for (const [first, count] of group.seeds)
          for (let seed = first; seed < first + count; seed += 1) {
            const key = answerKey(group.q, seed);
            const found = wanted.get(key) ?? { group, seed, listeners: new Set(), attempt: 0 };
            found.listeners.add(listener);
            wanted.set(key, found);
            keys.push(key);
          }
      return () => {
        for (const [key, one] of wanted) {
          if (!one.listeners.delete(listener)) continue;
          if (one.listeners.size === 0) wanted.delete(key);
        }
        if (wanted.size === 0) leave.abort();
      };
    },
    ask: (wave) => {
      for (const [name, bytes] of wave.files) sent.set(name, bytes);
      if (following === null) {
        start();
        return;
      }
      // The job that is followed takes it in; if it has ended, the next one asks for all that is missing.
      cluster
        .patiently(() => handOver(wave))
        .then(readPassed)
        .catch(fail);
    },
  };
}

function withAttempt(group: RequestGroup, attempt: number): RequestGroup {
  if (attempt === 0) return group;
  const { q: _, seeds, ...settings } = group;
  const again = { ...settings, attempt };
  return { ...again, q: groupName(again), seeds };
}

function nothingCame(job: string, missing: number): DriftlineError {
  return new DriftlineError({
    code: 'cluster-failed',
    message: `${job} and those before it ended, and ${String(missing)} answers are missing`,
    hint: 'Look at the log of that job at the dashboard of Ray, and run the same command again: it goes on from there.',
    details: { job, missing },
  });
}

function damagedAnswers(folder: string, damaged: ReadonlySet<string>): DriftlineError {
  const [first = ''] = damaged;
  return new DriftlineError({
    code: 'cluster-answers-damaged',
    message: `${folder}/${first} is damaged, and ${String(damaged.size)} answers came damaged again whenever they were asked for`,
    hint: 'Look at the disk of the storage; remove that folder, and run the same command again.',
    details: { folder, lines: [...damaged].slice(0, 10) },
  });
}

import { waitFor } from '../../foundation/clock.js';
import { hashJson } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { formatDuration } from '../../foundation/format-quantities.js';
import { packClosedLines } from './checked-lines.js';
import type { ClusterModel } from './cluster-model.js';
import type { ClusterRun } from './cluster-run.js';
import {
  explainFailedJob,
  explainJobFault,
  faultCode,
  fruitlessJobs,
  parseFault,
  type FaultyWork,
} from './explain-fault.js';
import { countLane, type CountedLane, type LaneEnd } from './count-lane.js';
import type { EndedWork } from './watch-cluster.js';
import { deliverJobId, laneJobId, laneName, readLaneGeneration, type JobProgress } from './job-ids.js';
import { answerKey, type LaneAnswer } from './read-answer-segments.js';
import { createLaneReader } from './read-lane-answers.js';
import { groupName, joinSeeds, type RequestGroup, type WantedGroups } from './request-group.js';
import { isStatusUnderWay } from './ray-answers.js';
import { isPlaced, quietAfter, stopStalled } from './stalled-work.js';

/** Who waits for answers of a lane. */
export interface LaneListener {
  /** `taken` says that it will not be lost any more; what is not taken when the listener leaves is told to the next who asks. */
  readonly onAnswer: (answer: LaneAnswer, taken: () => void) => void;
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

interface Waiting {
  readonly listener: LaneListener;
  /** Keys of answers that it was told and has not taken, by their files. */
  readonly untaken: Map<string, number>;
}

/** A key that is waited for. */
interface WantedKey {
  readonly group: RequestGroup;
  readonly seed: number;
  readonly waiting: Set<Waiting>;
  /** The key by which it was asked last: another one where an answer was damaged. */
  attempt: number;
}

/** Damaged answers are asked again so often. */
const mostAttempts = 2;
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
  const listening = new Set<Waiting>();
  /** Answers that were told. */
  let delivered = 0;
  const reader = createLaneReader({
    ...{ cluster, lane, home, deliver: deliverTo, wanted: () => wanted.keys() },
    held: () => [...listening].flatMap(({ untaken }) => [...untaken.values()]),
  });
  let generation: number | null = null;
  let following: Promise<void> | null = null;
  let isWarm = false;
  /** Ends following where nobody waits any more. */
  let leave = new AbortController();
  /** Files of adapters that the cluster has not made, until they are there, and the names of those that are. */
  const sent = new Map<string, Uint8Array>();
  const there = new Set<string>();
  /** Waves that somebody has withdrawn, when a run was stopped. */
  let withdrawn: ReadonlySet<string> = new Set();

  function fail(cause: unknown): void {
    const failed = new Set([...wanted.values()].flatMap((one) => [...one.waiting]));
    wanted.clear();
    for (const { listener } of failed) listener.onFailure(cause);
  }

  function deliverTo(answer: LaneAnswer, asked: string, file: number): boolean {
    const found = wanted.get(asked);
    if (found === undefined) return false;
    wanted.delete(asked);
    delivered += 1;
    for (const { listener, untaken } of found.waiting) {
      untaken.set(asked, file);
      listener.onAnswer({ ...answer, q: found.group.q }, () => untaken.delete(asked));
    }
    return true;
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
    const files = [...wave.files].filter(([file]) => !there.has(file));
    return new Map([...files, [`${home()}/requests/${name}.jsonl.gz`, packClosedLines(lines)]]);
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
      files: new Map(sent),
    };
  }

  async function findGeneration(): Promise<{ readonly latest: number; readonly isUnderWay: boolean }> {
    const jobs = await ray.list();
    let latest = -1;
    for (const id of jobs.keys()) latest = Math.max(latest, readLaneGeneration(id, cluster.name(), lane) ?? -1);
    const status = jobs.get(laneJobId(cluster.name(), lane, latest));
    return { latest, isUnderWay: isStatusUnderWay(status) };
  }

  /** Files that are there need not go again, nor be held. */
  function forget(names: Iterable<string>): void {
    for (const name of names) {
      sent.delete(name);
      there.add(name);
    }
  }

  /** Hands waves to the job that is there, by the shared folder or by a job that unpacks them. */
  async function handOver(wave: WantedGroups): Promise<void> {
    const files = packWave(wave);
    const wayBack = await cluster.wayBack();
    if (wayBack.deliver !== null) {
      await wayBack.deliver(files);
      forget(wave.files.keys());
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
      if (stalledAt !== null && delivered <= stalledAt)
        throw explainJobFault({ kind: 'stalled', message }, describeWork(id));
      stalledAt = delivered;
      cluster.onNotice(`${id}: ${message}; it is begun once more`);
    };
    const paidFor = countLane(cluster, { lane, home: home(), model: model.text });
    while (wanted.size > 0) {
      await reader.readPassed();
      await reader.readNew(null);
      if (wanted.size === 0) break;
      const before = delivered;
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
      await reader.readNew(null, 'done');
      // It has answered all that it was asked: what is missing is there.
      if (ended.status === 'SUCCEEDED' && wanted.size > 0) await reader.readSkipped();
      if (ended.status === 'QUIET' && wanted.size > 0) {
        if (!(await isPlaced(await cluster.wayBack(), home()))) continue;
        await stopStalled(ray, id, clock, never);
        cluster.lanes.delete(id);
        endStall(id, `its node said nothing for ${formatDuration(quietAfter(cluster))}`);
        continue;
      }
      if (wanted.size > 0 && reader.damaged.size > 0) await reader.readDamaged();
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
      if (reader.damaged.size > 0) attempts = askAgain(attempts);
      fruitless = delivered > before ? 0 : fruitless + 1;
      if (fruitless >= fruitlessJobs)
        throw failed === null ? nothingCame(id, wanted.size) : explainFailedJob(failed, describeWork(id));
      await waitFor(clock, Math.min(1000, pace.few), never);
    }
  }

  /** Follows the job that is there, or has one made, until it ends or nobody waits any more. */
  async function followJob(paidFor: CountedLane, signal: AbortSignal): Promise<EndedWork & { readonly id: string }> {
    const latest = await findGeneration();
    const wayBack = await cluster.wayBack();
    withdrawn = new Set(await wayBack.list(`${home()}/withdraw`, { purpose: 'answers' }));
    const wave = gatherWaiting();
    const before = delivered;
    generation = latest.isUnderWay ? latest.latest : latest.latest + 1;
    const id = laneJobId(cluster.name(), lane, generation);
    cluster.lanes.add(id);
    await paidFor.open();
    if (latest.isUnderWay) await handOver(wave);
    else await submitLane(generation, wave);
    const onMoved = async ({ state, count }: JobProgress): Promise<void> => {
      if (state !== 'running') return;
      isWarm = true;
      await reader.readNew(count);
      // It answers: its driver has put them there before.
      if (!latest.isUnderWay && delivered > before) forget(wave.files.keys());
      if (wanted.size === 0) leave.abort();
      else if (!paidFor.goesOn()) {
        // It begins again when there is room, or never.
        await stopStalled(ray, id, clock, never);
        cluster.lanes.delete(id);
        end = 'ended';
        cluster.onNotice(`${id} is stopped: what it would cost does not fit within the limit now`);
        leave.abort();
      }
    };
    let end: LaneEnd = 'goes on';
    try {
      const ended = await watcher.follow({
        ...{ kind: 'lane', name: lane, job: id, onMoved, signal },
        quietAfter: quietAfter(cluster),
      });
      end = ended.status === 'SUCCEEDED' ? 'succeeded' : 'ended';
      if (ended.status !== 'QUIET') cluster.lanes.delete(id);
      return { ...ended, id };
    } finally {
      await paidFor.settle(end);
    }
  }

  /** Where lines were damaged, asks for what is missing under other names, since the job takes those keys for answered. */
  function askAgain(attempts: number): number {
    if (attempts >= mostAttempts) throw damagedAnswers(`${settings.storage}/${home()}`, reader.damaged);
    reader.damaged.clear();
    for (const [key, one] of [...wanted]) {
      wanted.delete(key);
      one.attempt = attempts + 1;
      wanted.set(answerKey(withAttempt(one.group, one.attempt).q, one.seed), one);
    }
    return attempts + 1;
  }

  async function submitLane(number: number, wave: WantedGroups): Promise<void> {
    const { gpus_per_sampler: gpus, vllm_python, resources, stalled_after: minutes } = settings;
    const wayBack = await cluster.wayBack();
    // What Ray would take along has a limit, and the folder has none.
    if (wayBack.deliver !== null) {
      await wayBack.deliver(new Map([...wave.files].filter(([file]) => !there.has(file))));
      forget(wave.files.keys());
    }
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
      const waiting: Waiting = { listener, untaken: new Map() };
      listening.add(waiting);
      for (const group of groups)
        for (const [first, count] of group.seeds)
          for (let seed = first; seed < first + count; seed += 1) {
            const key = answerKey(group.q, seed);
            const found = wanted.get(key) ?? { group, seed, waiting: new Set(), attempt: 0 };
            found.waiting.add(waiting);
            wanted.set(key, found);
          }
      return () => {
        for (const [key, one] of wanted) {
          if (!one.waiting.delete(waiting)) continue;
          if (one.waiting.size === 0) wanted.delete(key);
        }
        listening.delete(waiting);
        for (const [key, file] of waiting.untaken) reader.giveBack(key, file);
        if (wanted.size === 0) leave.abort();
      };
    },
    ask: (wave) => {
      for (const [name, bytes] of wave.files) if (!there.has(name)) sent.set(name, bytes);
      if (following === null) {
        start();
        return;
      }
      // The job that is followed takes it in; if it has ended, the next one asks for all that is missing.
      cluster
        .patiently(() => handOver(wave))
        .then(reader.readPassed)
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

import { hashJson } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { ClusterModel } from './cluster-model.js';
import type { ClusterRun } from './cluster-run.js';
import { countLane, type CountedLane, type LaneEnd } from './count-lane.js';
import { fruitlessJobs } from './explain-fault.js';
import { laneJobId, laneName, readLaneGeneration, type JobProgress } from './job-ids.js';
import { createLaneWaves } from './lane-waves.js';
import { isStatusUnderWay } from './ray-answers.js';
import { createLaneReader } from './read-lane-answers.js';
import type { RequestGroup, WantedGroups } from './request-group.js';
import { quietAfter, stopStalled } from './stalled-work.js';
import { createWantedAnswers, type LaneListener } from './wanted-answers.js';
import { weighEndedJobs, type EndedJob } from './weigh-ended-jobs.js';

/** One vLLM for one base, as long as there is something to ask it. */
export interface SamplingLane {
  /** Tells the listener each answer to the groups once; returns how to stop listening. */
  readonly listen: (groups: readonly RequestGroup[], listener: LaneListener) => () => void;
  /** Asks what is listened for. */
  readonly ask: (wave: WantedGroups) => void;
  /** Whether its model is in memory. */
  readonly isWarm: () => boolean;
}

/** A job of a lane that answers a wave. */
interface LaneJob {
  readonly id: string;
  readonly wave: WantedGroups;
  /** Of the wave. */
  readonly keys: readonly string[];
  /** Whether it was there before. */
  readonly isFound: boolean;
  /** Answers that were told when it began. */
  readonly told: number;
}

/** Damaged answers are asked again so often. */
const mostAttempts = 2;
const never = new AbortController().signal;

/**
 * Asks a base on a cluster through files: waves of requests go there, answers come back in files of a thousand lines,
 * and the job between them reads and writes what is missing. A job that ended, however, is followed by the next, which
 * finds all that is there.
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
  const wanted = createWantedAnswers();
  const waves = createLaneWaves({ cluster, lane, home });
  const reader = createLaneReader({
    ...{ cluster, lane, home, deliver: wanted.deliver, wanted: wanted.keys, held: wanted.held },
  });
  /** What the job that is followed was asked when it was made. */
  let asked: readonly string[] = [];
  let following: Promise<void> | null = null;
  let isWarm = false;
  /** Ends following where nobody waits any more. */
  let leave = new AbortController();

  /** Follows jobs of the lane as long as anybody waits for an answer. */
  async function follow(): Promise<void> {
    let attempts = 0;
    let told = 0;
    const weigh = weighEndedJobs(cluster, {
      ...{ home: home(), faultFile: `${home()}/fault.json`, readResult },
      ...{ measure: () => Promise.resolve(wanted.told()), hasMoved: () => wanted.told() > told },
      describe: (job) => ({
        ...{ job, address: ray.address, recipe: null, model: model.text, isWhole: 'cell' in model.job },
        ...{ storage: settings.storage, python: settings.vllm_python ?? settings.python },
      }),
      // Each of its jobs has a name of its own, and so need not wait until Ray has done with the one before.
      ...{ rename: () => Promise.resolve(false), restAfter: () => Math.min(1000, pace.few) },
      onStopped: (id) => cluster.lanes.delete(id),
      beforeCounting: () => {
        if (reader.damaged.size > 0) attempts = askAgain(attempts);
      },
      // One that has succeeded has answered all that it can, and each start of a vLLM takes GPUs for minutes.
      ...{ mostSilent: fruitlessJobs, giveUp: (job) => nothingCame(job, wanted.count()) },
    });
    const paidFor = countLane(cluster, { lane, home: home(), model: model.text });
    while (wanted.count() > 0) {
      await cluster.patiently(async () => {
        await reader.readPassed();
        await reader.readNew(null);
      });
      if (wanted.count() === 0) break;
      told = wanted.told();
      leave = new AbortController();
      const { signal } = leave;
      const ended = await paidFor
        .hold(signal, () => followJob(paidFor, signal))
        .catch((cause: unknown) => {
          if (signal.aborted) return null;
          throw cause;
        });
      if (ended === null) continue;
      isWarm = false;
      await weigh(ended);
    }
  }

  /** Reads what a job of the lane left; true where nobody waits for more. */
  async function readResult(status: EndedJob['status']): Promise<true | null> {
    await reader.readNew(null, 'done');
    // It has answered all that it was asked when it was made: what is missing of that is there. What was asked later it may not have seen.
    if (status === 'SUCCEEDED' && asked.some(wanted.isWanted)) await reader.readSkipped();
    if (status !== 'QUIET' && wanted.count() > 0 && reader.damaged.size > 0) await reader.readDamaged();
    return wanted.count() === 0 ? true : null;
  }

  /** Follows the job that is there, or has one made, until it ends or nobody waits any more. */
  async function followJob(paidFor: CountedLane, signal: AbortSignal): Promise<EndedJob> {
    const { id, wave, isFound, told, keys } = await cluster.patiently(() => begin(paidFor));
    asked = isFound ? [] : keys;
    let end: LaneEnd = 'goes on';
    const onMoved = async ({ state, count }: JobProgress): Promise<void> => {
      if (state !== 'running') return;
      isWarm = true;
      await reader.readNew(count);
      // It answers: its driver has put them there before.
      if (!isFound && wanted.told() > told) waves.forget(wave.files);
      if (wanted.count() === 0) leave.abort();
      else if (!paidFor.goesOn()) {
        // It begins again when there is room, or never.
        await stopStalled(ray, id, clock, never);
        cluster.lanes.delete(id);
        end = 'ended';
        cluster.onNotice(`${id} is stopped: what it would cost does not fit within the limit now`);
        leave.abort();
      }
    };
    try {
      const { status } = await watcher.follow({
        ...{ kind: 'lane', name: lane, job: id, onMoved, signal },
        quietAfter: quietAfter(cluster),
      });
      end = status === 'SUCCEEDED' ? 'succeeded' : 'ended';
      if (status !== 'QUIET') cluster.lanes.delete(id);
      return { id, status };
    } finally {
      await paidFor.settle(end);
    }
  }

  /** Hands what is waited for to the job that is there, or has the next one made. */
  async function begin(paidFor: CountedLane): Promise<LaneJob> {
    const { latest, isUnderWay: isFound } = await findGeneration();
    await waves.readWithdrawn();
    const wave: WantedGroups = { groups: wanted.gather(), files: waves.held() };
    const keys = [...wanted.keys()];
    const told = wanted.told();
    const id = laneJobId(cluster.name(), lane, isFound ? latest : latest + 1);
    cluster.lanes.add(id);
    await paidFor.open();
    if (isFound) await waves.handOver(wave);
    else await submit(id, wave);
    return { id, wave, keys, isFound, told };
  }

  async function findGeneration(): Promise<{ readonly latest: number; readonly isUnderWay: boolean }> {
    const jobs = await ray.list();
    let latest = -1;
    for (const id of jobs.keys()) latest = Math.max(latest, readLaneGeneration(id, cluster.name(), lane) ?? -1);
    const status = jobs.get(laneJobId(cluster.name(), lane, latest));
    return { latest, isUnderWay: isStatusUnderWay(status) };
  }

  async function submit(id: string, wave: WantedGroups): Promise<void> {
    const { gpus_per_sampler: gpus, vllm_python, resources, stalled_after: minutes } = settings;
    await waves.layDown(wave);
    await cluster.submit({
      ...{ kind: 'lane', id, mark, metadata: { lane } },
      keys: {
        ...{ lane, gpus, resources, stalled_after: Math.round(minutes * 60) },
        ...{ vllm_python: vllm_python ?? settings.python },
      },
      deliver: async () =>
        new Map([
          ...(await model.readFiles()),
          [`${home()}/lane.json`, Buffer.from(`${JSON.stringify({ ...described, mark })}\n`)],
          ...waves.pack(wave),
        ]),
      onEnded: 'keep',
    });
  }

  /** Where lines were damaged, asks again for what is missing. */
  function askAgain(attempts: number): number {
    if (attempts >= mostAttempts) throw damagedAnswers(`${settings.storage}/${home()}`, reader.damaged);
    reader.damaged.clear();
    wanted.renameMissing(attempts + 1);
    return attempts + 1;
  }

  function start(): void {
    following ??= cluster
      .patiently(follow)
      .catch(wanted.fail)
      .finally(() => {
        following = null;
        if (wanted.count() > 0) start();
      });
  }

  return {
    isWarm: () => isWarm,
    listen: (groups, listener) => {
      const stop = wanted.listen(groups, listener, reader.giveBack);
      return () => {
        stop();
        if (wanted.count() === 0) leave.abort();
      };
    },
    ask: (wave) => {
      waves.hold(wave.files);
      if (following === null) {
        start();
        return;
      }
      // The job that is followed takes it in; if it has ended, the next one asks for all that is missing.
      cluster
        .patiently(() => waves.handOver(wave))
        .then(reader.readPassed)
        .catch(wanted.fail);
    },
  };
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

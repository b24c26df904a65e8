import { APIError } from 'openai';
import { waitFor } from '../../../foundation/clock.js';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import {
  locateBatchRecord,
  readBatchRecords,
  removeBatchRecord,
  writeBatchRecord,
  type HostedBatchRecord,
  type StoredBatchRecord,
  countDone,
  describeErrors,
  isBatchOver,
  isRejected,
  type HostedBatch,
} from './hosted-batch.js';
import { type TokenCount, addTokenCounts, boundBody, readUsage } from '../spending/hosted-prices.js';
import type { FinishedUse, SpendingMeter } from '../spending/spending-ledger.js';
import {
  markBatch,
  splitIntoBatches,
  type HostedBatchRequest,
  usualBatchLimits,
  type BatchSettings,
} from './batch-settings.js';
import type { BatchService } from './batch-service.js';
import { type BatchReply, readBatchResults } from './read-batch-results.js';

/** What came of a request at last: an answer, or what it would fail with again. */
export type BatchOutcome = Exclude<BatchReply, { readonly lost: string }>;

interface AskInBatchesOptions extends BatchSettings {
  /** As the provider spells it: all requests are for it. */
  readonly model: string;
  /** Counts what batches cost, and keeps it within a limit. */
  readonly meter?: SpendingMeter;
  readonly signal: AbortSignal;
}

/** A batch that is waited for. */
interface OpenBatch {
  readonly requests: ReadonlySet<string>;
  readonly found: HostedBatch;
}

/** Milliseconds between two looks: the less there is to see, the longer. */
const pause = { least: 500, most: 60_000 };
/** Batches in a row that bring nothing, after which no other is made. */
const mostFruitless = 3;
/** Of the requests that are asked together: for fewer that surely stay within a limit no batch is made, which may take a day. */
const leastShare = 0.01;
/** Looks in a row that fail, after which nobody looks any more: the batch goes on. */
const mostBlindLooks = 10;

/**
 * Answers requests in batches, in the order in which results come, each request once. Results of batches that were made
 * before, even by a run that was killed, are used; requests without a result are asked again. Stopped by the signal, it
 * leaves the batches alone.
 */
export async function* askInBatches(
  service: BatchService,
  requests: readonly HostedBatchRequest[],
  options: AskInBatchesOptions,
): AsyncGenerator<BatchOutcome, void, undefined> {
  const { model, folder, clock, signal, onProgress, onNotice = () => undefined, limits = usualBatchLimits } = options;
  const { meter } = options;
  const { host } = service;
  const left = new Map(requests.map((request) => [request.id, request]));
  const total = left.size;
  /** Batches that this folder knows: their results are no news. */
  const known = new Set<string>();
  const open = new Map<string, OpenBatch>();
  let fruitless = 0;
  let reason = 'nothing';

  function report(): void {
    const done = [...open.values()].reduce((sum, { found }) => sum + countDone(found), total - left.size);
    onProgress?.({ host, model, batches: [...open.keys()], done: Math.min(done, total), total });
  }

  /** Batches that are written down and have something of what is wanted. */
  async function* takeUp(): AsyncGenerator<BatchOutcome, void, undefined> {
    const stored = (await readBatchRecords(folder)).filter(
      ({ record }) => record.endpoint === service.endpoint && record.model === model,
    );
    for (const { record } of stored) if (record.batch !== null) known.add(record.batch);
    for (const one of stored) {
      const { record } = one;
      const isWanted = record.requests.some((id) => left.has(id));
      // One that nobody wants any more is read once all the same, for what it cost.
      const isUncounted = record.batch !== null && meter?.isOpen(record.batch) === true;
      if (!isWanted && !isUncounted) continue;
      const found =
        record.batch === null ? await service.find(record, known, signal) : await service.look(record.batch, signal);
      if (found === null) {
        // It was never made, or is forgotten there: then nobody knows what it cost.
        const calls = record.requests.length;
        if (record.batch !== null) await meter?.close(record.batch, { input: 0, output: 0, calls, unreported: calls });
        await removeBatchRecord(one);
        continue;
      }
      if (record.batch === null) await remember(one, found);
      const requests = record.requests.flatMap((id) => left.get(id) ?? []);
      await meter?.open(found.id, { ...boundRequests(requests), calls: record.requests.length });
      const batch = { requests: new Set(record.requests), found };
      const isOld = isBatchOver(found);
      onNotice(`${found.id} at ${host} has been made already, and is ${isOld ? 'read' : 'waited for'}`);
      if (isOld) yield* readWhatCame(batch, true);
      else if (isWanted) open.set(found.id, batch);
    }
  }

  async function remember({ file, record }: StoredBatchRecord, found: HostedBatch): Promise<void> {
    await writeBatchRecord({ file, record: { ...record, batch: found.id } });
    known.add(found.id);
  }

  /** As many as fit within the limit; none while batches are open whose cost is not known yet. Too few are not worth a batch. */
  function takeAffordable(fresh: readonly HostedBatchRequest[]): readonly HostedBatchRequest[] {
    if (meter?.isLimited !== true || meter.fits(boundRequests(fresh))) return fresh;
    if (open.size > 0) return [];
    let most: TokenCount = { input: 0, output: 0 };
    const fitting: HostedBatchRequest[] = [];
    for (const request of fresh) {
      const more = addTokenCounts([most, boundBody(request.body)]);
      if (!meter.fits(more)) break;
      most = more;
      fitting.push(request);
    }
    if (fitting.length < Math.max(1, total * leastShare)) throw meter.refuse(boundRequests(fresh));
    onNotice(
      `${String(fitting.length)} of ${String(fresh.length)} requests to ${model} surely stay within --max-cost; what the others may cost shows when these are answered`,
    );
    return fitting;
  }

  /** Makes batches of requests that are in none; a batch that is too large for the service is halved. */
  async function make(fresh: readonly HostedBatchRequest[]): Promise<void> {
    for (const part of splitIntoBatches(fresh, limits)) {
      signal.throwIfAborted();
      const ids = part.map(({ id }) => id);
      const mark = markBatch(part);
      const place = await locateBatchRecord(folder, mark);
      let record: HostedBatchRecord = {
        mark,
        endpoint: service.endpoint,
        model,
        file: null,
        batch: null,
        requests: ids,
      };
      const again = await service.find(record, known, signal);
      if (again === null) {
        try {
          record = { ...record, file: await service.upload(part, signal) };
        } catch (failure) {
          const isTooLarge = failure instanceof APIError && Number(failure.status) === 413;
          if (!isTooLarge || part.length === 1) throw failure;
          const middle = Math.ceil(part.length / 2);
          await make(part.slice(0, middle));
          await make(part.slice(middle));
          continue;
        }
        await writeBatchRecord({ file: place, record });
      }
      // Not to be stopped halfway: it would not be known whether there is a batch.
      const found = again ?? (await service.create(record.file ?? '', mark));
      await remember({ file: place, record }, found);
      await meter?.open(found.id, { ...boundRequests(part), calls: part.length });
      open.set(found.id, { requests: new Set(ids), found });
      onNotice(
        again === null
          ? `${host} answers ${String(part.length)} requests to ${model}: ${found.id}`
          : `${host} has been asked for this already, and is not asked again: ${found.id}`,
      );
    }
  }

  /** The wanted results of a batch that is over. Failures of one that was over before are left out: they may have been cured. */
  async function* readWhatCame(
    { requests: own, found }: OpenBatch,
    isOld: boolean,
  ): AsyncGenerator<BatchOutcome, void, undefined> {
    const { output_file_id: output, error_file_id: errors, request_counts: counts } = found;
    const before = left.size;
    const paid = countPaid();
    /**
     * The last one is handed on when the batch is counted: a batch that is not counted must have a wanted result left,
     * so that it is read again.
     */
    let held: BatchOutcome | null = null;
    let strangers = 0;
    let lost: string | null = isRejected(found) ? (describeErrors(found) ?? 'the service would not take it') : null;
    for (const [file, least] of [
      [output, counts?.completed ?? 0],
      [errors, 0],
    ] as const) {
      if (typeof file !== 'string' || file === '') continue;
      for await (const reply of readBatchResults(service, file, least, { clock, signal, onNotice })) {
        if (!own.has(reply.id)) {
          strangers += 1;
          continue;
        }
        if ('completion' in reply) paid.add(reply.completion);
        if ('lost' in reply) lost ??= reply.lost;
        if ('lost' in reply || !left.has(reply.id) || (isOld && 'failure' in reply)) continue;
        left.delete(reply.id);
        if (held !== null) yield held;
        held = reply;
      }
    }
    await meter?.close(found.id, paid.finish(counts?.completed ?? 0));
    if (held !== null) yield held;
    if (strangers > 0)
      onNotice(`${found.id} at ${host} has ${String(strangers)} results of other requests; they are left out`);
    if (isOld) return;
    fruitless = left.size < before ? 0 : fruitless + 1;
    const missing = [...own].filter((id) => left.has(id)).length;
    if (missing === 0) return;
    reason = lost ?? found.status;
    onNotice(`${found.id} at ${host} is ${found.status}, and ${String(missing)} requests came to nothing: ${reason}`);
  }

  /** Looks at all that are open; true where one of them has moved. */
  async function look(): Promise<boolean> {
    let hasMoved = false;
    for (const [id, batch] of open) {
      const found = await service.look(id, signal);
      if (found === null) throw gone(id, host);
      hasMoved ||= countDone(found) !== countDone(batch.found) || found.status !== batch.found.status;
      open.set(id, { ...batch, found });
    }
    return hasMoved;
  }

  /** Returns when one of the open batches is over. */
  async function waitForOne(): Promise<void> {
    let milliseconds = pause.least;
    let blind = 0;
    for (;;) {
      report();
      if ([...open.values()].some(({ found }) => isBatchOver(found))) return;
      await waitFor(clock, milliseconds, signal);
      let hasMoved = false;
      try {
        hasMoved = await look();
        blind = 0;
      } catch (failure) {
        blind += 1;
        if (signal.aborted || !isPassing(failure) || blind === mostBlindLooks) throw failure;
      }
      milliseconds = hasMoved ? Math.max(pause.least, milliseconds / 2) : Math.min(pause.most, milliseconds * 1.5);
    }
  }

  try {
    yield* takeUp();
    while (left.size > 0) {
      const claimed = new Set([...open.values()].flatMap((batch) => [...batch.requests]));
      const fresh = [...left.values()].filter(({ id }) => !claimed.has(id));
      // A service that takes only so much at a time may take the rest when the others are over.
      if (fresh.length > 0 && (fruitless === 0 || open.size === 0)) {
        if (fruitless === mostFruitless) throw cameToNothing(model, host, reason);
        // Nor is it asked again at once.
        if (fruitless > 0) await waitFor(clock, 1000 * 4 ** fruitless, signal);
        await make(takeAffordable(fresh));
      }
      await waitForOne();
      for (const [id, batch] of open) {
        if (!isBatchOver(batch.found)) continue;
        open.delete(id);
        yield* readWhatCame(batch, false);
      }
    }
    report();
  } catch (cause) {
    if (signal.aborted)
      for (const id of open.keys()) onNotice(`${id} goes on at ${host}; the same command finds it again.`);
    throw cause;
  }
}

function boundRequests(requests: readonly HostedBatchRequest[]): TokenCount {
  return addTokenCounts(requests.map(({ body }) => boundBody(body)));
}

/** Adds up what the answers of a batch cost. */
function countPaid() {
  let [calls, unreported] = [0, 0];
  let tokens: TokenCount = { input: 0, output: 0 };
  return {
    add: (completion: unknown): void => {
      const used = readUsage(completion);
      calls += 1;
      if (used === null) unreported += 1;
      else tokens = addTokenCounts([tokens, used]);
    },
    /** Answers that the service says are there and that nobody could read are paid for, too. */
    finish: (completed: number): FinishedUse => {
      const unread = Math.max(0, completed - calls);
      return { ...tokens, calls: calls + unread, unreported: unreported + unread };
    },
  };
}

/** Whether it may be gone the next time: a network that is down for a moment, or a server. */
function isPassing(failure: unknown): boolean {
  if (DriftlineError.isInstance(failure)) return failure.code === 'provider-unavailable';
  const status = failure instanceof APIError ? Number(failure.status ?? 500) : 500;
  return status >= 500 || status === 408 || status === 429;
}

function gone(id: string, host: string): DriftlineError {
  return new DriftlineError({
    code: 'provider-unavailable',
    message: `${host} does not know ${id} any more`,
    hint: 'Run the same command again: what it has not answered is asked for again.',
    details: { host, batch: id },
  });
}

function cameToNothing(model: string, host: string, reason: string): DriftlineError {
  return new DriftlineError({
    code: 'provider-refused',
    message: `${String(mostFruitless)} batches in a row brought no answers of ${model} at ${host}: ${reason}`,
    hint: 'Change what is named, or leave batches out: answers are then asked for by single calls.',
    details: { model, host },
  });
}

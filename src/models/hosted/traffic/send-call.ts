import { z } from 'zod';
import { type HostedTraffic, readAnswer, UnreadableAnswer } from './hosted-traffic.js';

/** What OpenAI's client is told with each call: retries are for the traffic to decide. */
interface CallOptions {
  readonly signal: AbortSignal;
  readonly maxRetries: 0;
}

/** One call of OpenAI's client, begun anew for every retry. */
type ClientCall = (options: CallOptions) => { readonly asResponse: () => Promise<Response> };

interface SendCallOptions {
  /** Leaves it at once, whether it was sent or not. */
  readonly signal?: AbortSignal;
  /** Leaves it where it is not open. */
  readonly leave?: AbortSignal;
  /** Never retried: for what must not be done twice. */
  readonly once?: boolean;
}

/** Sends a call about files, jobs or models, which asks no model for an answer, within the server's rate limits and with retries. */
export function sendCall(
  traffic: HostedTraffic,
  call: ClientCall,
  { signal = new AbortController().signal, leave = signal, once = false }: SendCallOptions = {},
): Promise<unknown> {
  return traffic.send({
    attempt: async (stop) => {
      const response = await call({ signal: stop, maxRetries: 0 }).asResponse();
      return { result: refuseErrors(await readAnswer(response)), headers: response.headers };
    },
    tokens: 0,
    signal,
    leave,
    once,
  });
}

/** Some servers and proxies say what went wrong with status 200; jobs have an `error` of their own. */
function refuseErrors(answer: unknown): unknown {
  const isError =
    typeof answer === 'object' && answer !== null && 'error' in answer && !('id' in answer || 'data' in answer);
  if (isError) throw new UnreadableAnswer(`it is an error: ${JSON.stringify(answer).slice(0, 200)}`);
  return answer;
}

const pageSchema = z.object({ data: z.array(z.unknown()), has_more: z.boolean().nullish() });
const placeSchema = z.object({ id: z.string() });

/** The items of a list, page by page, each page a call of its own. */
export async function* listItems(
  traffic: HostedTraffic,
  call: (after: { readonly after?: string }) => ClientCall,
  options: Pick<SendCallOptions, 'signal'> = {},
): AsyncGenerator<unknown, void, undefined> {
  for (let after: string | null = null; ;) {
    const answer = await sendCall(traffic, call(after === null ? {} : { after }), options);
    const page = pageSchema.safeParse(answer);
    if (!page.success) throw new UnreadableAnswer(`it is no list: ${JSON.stringify(answer).slice(0, 200)}`);
    const { data, has_more: hasMore } = page.data;
    yield* data;
    const last = placeSchema.safeParse(data.at(-1));
    // Some servers know of no pages, and give the same one whatever it is to come after.
    if (hasMore === false || !last.success || last.data.id === after) return;
    after = last.data.id;
  }
}

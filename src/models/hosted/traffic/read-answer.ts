import { APIConnectionError } from 'openai';

/** An answer of a server that is no JSON, or not what was asked for: a page of a proxy, or half of an answer. */
export class UnreadableAnswer extends Error {
  override readonly name = 'UnreadableAnswer';
}

export class CallTimedOut extends Error {
  override readonly name = 'CallTimedOut';
  constructor(milliseconds: number) {
    super(`no whole answer within ${String(Math.round(milliseconds / 1000))} seconds`);
  }
}

/** The JSON of a response; a body that ends too early is a lost connection. */
export async function readAnswer(response: Response): Promise<unknown> {
  let text: string;
  try {
    text = await response.text();
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    throw new APIConnectionError({ message: 'the connection was lost in the middle of an answer', cause: error });
  }
  try {
    // What it is is for the reader of completions to say.
    return JSON.parse(text) as unknown;
  } catch {
    const type = response.headers.get('content-type')?.split(';')[0] ?? 'no type';
    throw new UnreadableAnswer(`it is no JSON (${type}): ${JSON.stringify(text.trim().slice(0, 60))}`);
  }
}

import type { Admission } from '../http/admission.js';
import { json, type Route } from '../http/route.js';
import { readJsonBody } from '../http/read-body.js';
import { secondsOf, type ServerContext } from '../server-context.js';
import { parseChatRequest, type ChatRequest } from './chat-request.js';
import { completeChat, streamChat, type CompletionSettings } from './complete-chat.js';

export function chatRoutes(context: ServerContext, admission: Admission): Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/chat/completions',
      handle: async ({ request: incoming, signal }) => {
        const request = parseChatRequest(await readJsonBody(incoming, context.bodyLimits));
        const settings = prepareCompletion(context, request, signal);
        const leave = admission.enter(request.choices);
        if (!request.isStream) {
          return context.pool
            .use(settings.model, signal, async (loaded) => json(await completeChat(loaded, settings)))
            .finally(leave);
        }
        return {
          kind: 'events',
          run: (send) =>
            context.pool.use(settings.model, signal, (loaded) => streamChat(loaded, settings, send)).finally(leave),
        };
      },
    },
  ];
}

/** Finds the model, and draws a seed where none is given. */
export function prepareCompletion(
  context: ServerContext,
  request: ChatRequest,
  signal: AbortSignal,
): CompletionSettings {
  return {
    model: context.registry.get(request.model),
    request,
    seed: request.seed ?? context.drawSeed(),
    id: context.makeId('chatcmpl-'),
    created: secondsOf(context),
    slots: context.slots,
    signal,
  };
}

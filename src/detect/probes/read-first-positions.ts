import { DriftlineError } from '../../foundation/driftline-error.js';
import { hashJson } from '../../foundation/content-hash.js';
import type { FloatTensor } from '../../engine/checkpoint/float-tensor.js';
import type { Inside, InsideText } from '../../models/inside.js';
import type { ArtefactStore } from '../artefact-store.js';
import type { SubjectModel } from '../subject.js';

export interface WantedFirstTokens {
  /** So many of the first tokens of what the user says. */
  readonly tokens: number;
  /** A layer of the residual stream; `middle` is the output of the middle block, whatever the model. */
  readonly layer: 'middle' | number;
}

export interface FirstTokenMeans {
  /** Mean residual of each of the tokens over all texts, [tokens, width]. */
  readonly means: FloatTensor;
  /** Mean length of the same residuals, [tokens]. */
  readonly lengths: FloatTensor;
}

/**
 * The residual stream at the first tokens of what a user says, whatever that is about. Texts that have fewer tokens are
 * left out; throws `usage-invalid` where all of them have. Null for a model that nobody can look into, which is opened
 * only where this is not stored.
 */
export async function readFirstPositions(
  { identity, engine, openInside }: Pick<SubjectModel, 'identity' | 'engine' | 'openInside'>,
  store: ArtefactStore,
  texts: readonly string[],
  { tokens, layer }: WantedFirstTokens,
  options: { readonly signal?: AbortSignal } = {},
): Promise<FirstTokenMeans | null> {
  if (openInside === null) return null;
  const key = hashJson({ model: identity, engine, firstTokens: texts, tokens, layer });
  const stored = await store.rememberTensors('first-tokens', key, async () => {
    const inside = await openInside();
    try {
      const { blocks, width } = inside.shape;
      const cut = texts.flatMap((text) => cutText(inside, text, tokens) ?? []);
      if (cut.length === 0) throw tooShort(tokens);
      const layers = [layer === 'middle' ? Math.ceil(blocks / 2) : layer];
      const found = await inside.residuals(cut, { layers, pool: 'every' }, options);
      const [means, lengths] = [new Float64Array(tokens * width), new Float64Array(tokens)];
      for (const { shape, data } of found) {
        const first = (shape[1] ?? 0) - tokens;
        for (let token = 0; token < tokens; token += 1) {
          const residual = data.subarray((first + token) * width, (first + token + 1) * width);
          lengths[token] = (lengths[token] ?? 0) + Math.hypot(...residual) / cut.length;
          for (const [place, value] of residual.entries()) {
            const at = token * width + place;
            means[at] = (means[at] ?? 0) + value / cut.length;
          }
        }
      }
      return new Map([
        ['means', { shape: [tokens, width], data: Float32Array.from(means) }],
        ['lengths', { shape: [tokens], data: Float32Array.from(lengths) }],
      ]);
    } finally {
      await inside.close();
    }
  });
  const [means, lengths] = [stored.get('means'), stored.get('lengths')];
  return means === undefined || lengths === undefined ? null : { means, lengths };
}

/** What the template puts before a text, and its first tokens; null where it has fewer. */
function cutText(inside: Inside, content: string, tokens: number): InsideText | null {
  const asked = [{ role: 'user', content }];
  const { ids } = inside.encode(asked);
  const { prefix, postfix, straddling } = inside.locateTemplate(asked);
  // A token that has bytes of both the template and the text is none of the text's.
  const own = ids.map((_, place) => place).filter((place) => ![...prefix, ...postfix, ...straddling].includes(place));
  const last = own[tokens - 1];
  return last === undefined ? null : { ids: ids.slice(0, last + 1), promptLength: last + 1 };
}

function tooShort(tokens: number): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `no text has ${String(tokens)} tokens`,
    hint: 'Give longer texts, or look at fewer tokens.',
  });
}

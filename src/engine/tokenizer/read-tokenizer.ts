import { requireObject, requireText } from '../../foundation/require-arguments.js';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

import { DriftlineError } from '../../foundation/driftline-error.js';
import { createChatTemplate, type ChatTemplate } from './chat-template.js';
import { createTextTokenizer, type TextTokenizer } from './text-tokenizer.js';
import { parseTokenizerConfiguration, type TokenizerConfiguration } from './tokenizer-configuration.js';
import { parseTokenizerDefinition, type AddedToken, type TokenizerDefinition } from './tokenizer-definition.js';

interface ReadTokenizerOptions {
  /** What the chat template's `strftime_now` reads; without it templates fall back on a date of their own. */
  readonly clock?: () => Date;
  /** The text of a chat template in place of the folder's own. */
  readonly chatTemplate?: string;
}

const templateFile = 'chat_template.jinja';
const configurationFile = 'tokenizer_config.json';

function fail(file: string, cause: unknown): DriftlineError {
  const reason =
    cause instanceof z.ZodError ? z.prettifyError(cause) : cause instanceof Error ? cause.message : String(cause);
  return new DriftlineError({
    code: 'tokenizer-invalid',
    message: `${file} cannot be read: ${reason}`,
    hint: 'Download the model folder again, or save its tokenizer anew with save_pretrained of transformers.',
    cause,
    details: { file, reason },
  });
}

/** The contents of a file, or null where there is none. */
async function readOptional(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : null;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw fail(file, cause);
  }
}

async function readDefinition(file: string, folder: string): Promise<TokenizerDefinition> {
  const text = await readOptional(file);
  if (text === null) {
    throw new DriftlineError({
      code: 'tokenizer-missing',
      message: `The model folder ${folder} has no tokenizer.json.`,
      hint: 'Name a folder in the Hugging Face layout; a tokenizer.model alone is converted by save_pretrained of transformers.',
      details: { folder, file },
    });
  }
  try {
    return parseTokenizerDefinition(JSON.parse(text));
  } catch (cause) {
    throw fail(file, cause);
  }
}

async function readConfiguration(folder: string): Promise<TokenizerConfiguration> {
  const file = join(folder, configurationFile);
  const [configuration, tokensMap] = await Promise.all([
    readOptional(file),
    readOptional(join(folder, 'special_tokens_map.json')),
  ]);
  try {
    return parseTokenizerConfiguration(JSON.parse(configuration ?? '{}'), JSON.parse(tokensMap ?? '{}'));
  } catch (cause) {
    throw fail(file, cause);
  }
}

/** Adds the tokens that only tokenizer_config.json has. */
function addTokens(definition: TokenizerDefinition, more: readonly AddedToken[], file: string): TokenizerDefinition {
  const added = [...definition.added];
  const contents = new Set(added.map(({ content }) => content));
  const ids = new Set([...definition.vocabulary.values(), ...added.map(({ id }) => id)]);
  for (const token of more) {
    if (contents.has(token.content)) continue;
    const known = definition.vocabulary.get(token.content);
    if (known === undefined && ids.has(token.id)) {
      throw fail(
        file,
        new Error(`added token ${JSON.stringify(token.content)} has the id ${token.id} of another token`),
      );
    }
    added.push({ ...token, id: known ?? token.id });
  }
  return { ...definition, added };
}

async function readTemplate(
  folder: string,
  configuration: TokenizerConfiguration,
  { chatTemplate, ...options }: ReadTokenizerOptions,
): Promise<ChatTemplate | null> {
  const own = await readOptional(join(folder, templateFile));
  const source = chatTemplate ?? own ?? configuration.chatTemplate;
  if (source === null) return null;
  return createChatTemplate({
    source,
    file: join(folder, own === null ? configurationFile : templateFile),
    specialTokens: {
      ...Object.fromEntries(configuration.namedTokens),
      additional_special_tokens: configuration.otherSpecialTokens,
    },
    ...options,
  });
}

/** Reads tokenizer.json, tokenizer_config.json and the chat template of a model folder in the Hugging Face layout. */
export async function readTokenizer(folder: string, options: ReadTokenizerOptions = {}): Promise<TextTokenizer> {
  requireText(folder, 'folder');
  requireObject(options, 'options');
  const file = join(folder, 'tokenizer.json');
  const definition = await readDefinition(file, folder);
  const configuration = await readConfiguration(folder);
  return createTextTokenizer({
    file,
    definition: addTokens(definition, configuration.added, join(folder, configurationFile)),
    namedTokens: configuration.namedTokens,
    otherSpecialTokens: configuration.otherSpecialTokens,
    chatTemplate: await readTemplate(folder, configuration, options),
  });
}

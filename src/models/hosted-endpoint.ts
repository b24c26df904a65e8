import { DriftlineError } from '../foundation/driftline-error.js';

export const officialEndpoint = 'https://api.openai.com/v1';

const unreadableAddress = { protocol: '', username: '', password: '' };

/** Where hosted models are asked: OPENAI_BASE_URL, or OpenAI's own address; without a slash at its end. */
export function readHostedEndpoint(environment: Readonly<Record<string, string | undefined>>): string {
  const written = environment['OPENAI_BASE_URL']?.trim() ?? '';
  const endpoint = (written === '' ? officialEndpoint : written).replace(/\/+$/, '');
  const { protocol, username, password } = URL.canParse(endpoint) ? new URL(endpoint) : unreadableAddress;
  if ((protocol !== 'http:' && protocol !== 'https:') || `${username}${password}` !== '') {
    throw new DriftlineError({
      code: 'usage-invalid',
      message: 'OPENAI_BASE_URL is no http or https address, or has a name or password in it',
      hint: 'Unset OPENAI_BASE_URL, or set it to an address such as http://127.0.0.1:8000/v1.',
    });
  }
  return endpoint;
}

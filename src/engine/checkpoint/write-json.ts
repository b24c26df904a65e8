import { writeFileAtomically } from '../../foundation/write-file-atomically.js';

/** Writes a value as Hugging Face's libraries do: two spaces, keys sorted at every level, no half-written file. */
export async function writeJson(path: string, value: Readonly<Record<string, unknown>>): Promise<void> {
  const sortKeys = (_key: string, member: unknown): unknown =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([left], [right]) => (left < right ? -1 : 1)))
      : member;
  await writeFileAtomically(path, `${JSON.stringify(value, sortKeys, 2)}\n`);
}

import { z } from 'zod';

/**
 * The keys that a schema knows at a path, as far as it is made of objects, records, lists and choices of them; of a union,
 * those of every option.
 */
export function knownKeys(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  const keys = schemasAt(schema, path).flatMap((found) => {
    if (found instanceof z.ZodObject) return Object.keys(found.shape);
    if (found instanceof z.ZodRecord && found.keyType instanceof z.ZodEnum) return found.keyType.options.map(String);
    return [];
  });
  return [...new Set(keys)];
}

function schemasAt(schema: unknown, path: readonly PropertyKey[]): readonly unknown[] {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault
  )
    return schemasAt(schema.unwrap(), path);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => schemasAt(option, path));
  const [step, ...rest] = path;
  if (step === undefined) return [schema];
  if (schema instanceof z.ZodObject) return schemasAt(schema.shape[String(step)], rest);
  if (schema instanceof z.ZodArray) return schemasAt(schema.element, rest);
  if (schema instanceof z.ZodRecord) return schemasAt(schema.valueType, rest);
  return [];
}

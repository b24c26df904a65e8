import { z } from 'zod';
import { fitLogisticMany, type LogisticFitMany } from '../../stats/fit-logistic.js';
import type { SubjectClass } from '../detector.js';

/** A fine-tune as what its update looks like. */
export interface UpdateExample {
  /** Identity of the model that it was made of. */
  readonly base: string;
  readonly rank: number;
  readonly features: readonly number[];
  readonly class: SubjectClass;
}

const scaleSchema = z.strictObject({ centre: z.number(), scale: z.number().positive() });
const fitSchema = z.strictObject({
  intercept: z.number(),
  features: z.array(scaleSchema.extend({ slope: z.number() })),
});

const groupSchema = z.strictObject({
  /** The base that it knows nothing of; null if it knows all. */
  without: z.string().nullable(),
  /** The rank of the updates that it knows; null if it knows all. */
  rank: z.number().nullable(),
  bad: z.int().nonnegative(),
  good: z.int().nonnegative(),
  /** Null where one of both sides is missing. */
  fit: fitSchema.nullable(),
  /** Of each feature among harmless fine-tunes; null of fewer than two. */
  harmless: z.array(scaleSchema).nullable(),
});

/** What updates of one group look like; plain JSON. */
export type SignatureGroup = z.output<typeof groupSchema>;

export const signatureFitsSchema = z.strictObject({ bases: z.array(z.string()), groups: z.array(groupSchema) });
export type SignatureFits = z.output<typeof signatureFitsSchema>;

/**
 * Fits for all that may have to be scored: with every base, and without each of them, so that a fine-tune of a base
 * that was learnt from is scored as that of a new one would be; of each rank apart where both sides have `least`
 * examples of it, and of all ranks together.
 */
export function fitSignatures(
  examples: readonly UpdateExample[],
  { ridge, least }: { readonly ridge: number; readonly least: number },
): SignatureFits {
  const bases = [...new Set(examples.map(({ base }) => base))].sort();
  const ranks = [...new Set(examples.map(({ rank }) => rank))].sort((left, right) => left - right);
  const groups = [null, ...bases].flatMap((without) =>
    [null, ...ranks].flatMap((rank) => {
      const chosen = examples.filter((one) => one.base !== without && (rank === null || one.rank === rank));
      const group = fitGroup(chosen, { without, rank, ridge });
      return chosen.length > 0 && (rank === null || Math.min(group.bad, group.good) >= least) ? [group] : [];
    }),
  );
  return { bases, groups };
}

/**
 * The group that tells most of such an update: one that knows both sides rather than harmless ones alone, then one that
 * does not know its base, then one that knows its rank alone. Null where no group tells anything.
 */
export function chooseSignatureGroup(
  { bases, groups }: SignatureFits,
  { base, rank }: Pick<UpdateExample, 'base' | 'rank'>,
): SignatureGroup | null {
  const without = bases.includes(base) ? base : null;
  const fitting = [without, null].flatMap((ofBase) =>
    [rank, null].flatMap((ofRank) => groups.find((group) => group.without === ofBase && group.rank === ofRank) ?? []),
  );
  return fitting.find(({ fit }) => fit !== null) ?? fitting.find(({ harmless }) => harmless !== null) ?? null;
}

/**
 * How far features lie from those of harmless fine-tunes: the root of the mean square of their distances from the
 * centre, each in standard deviations.
 */
export function distanceFromHarmless(
  harmless: NonNullable<SignatureGroup['harmless']>,
  features: readonly number[],
): number {
  const squares = harmless.map(({ centre, scale }, index) => (((features[index] ?? 0) - centre) / scale) ** 2);
  return Math.sqrt(squares.reduce((sum, one) => sum + one, 0) / Math.max(1, squares.length));
}

function fitGroup(
  examples: readonly UpdateExample[],
  { without, rank, ridge }: Pick<SignatureGroup, 'without' | 'rank'> & { readonly ridge: number },
): SignatureGroup {
  const rows = examples.map(({ features, class: of }) => ({
    features,
    isPositive: of === 'open' || of === 'conditional',
  }));
  const harmless = rows.filter(({ isPositive }) => !isPositive);
  const fit = fitLogisticMany(rows, ridge);
  return {
    ...{ without, rank, bad: rows.length - harmless.length, good: harmless.length },
    fit: fit === null ? null : copyFit(fit),
    harmless: harmless.length < 2 ? null : scaleFeatures(harmless.map(({ features }) => features)),
  };
}

/** As the schema has it, whose lists may be changed. */
function copyFit({ intercept, features }: LogisticFitMany): NonNullable<SignatureGroup['fit']> {
  return { intercept, features: [...features] };
}

/** Mean and standard deviation of each feature; 1 in its place where it never varies. */
function scaleFeatures(rows: readonly (readonly number[])[]): { centre: number; scale: number }[] {
  return (rows[0] ?? []).map((_, index) => {
    const values = rows.map((row) => row[index] ?? 0);
    const centre = values.reduce((sum, value) => sum + value, 0) / values.length;
    const scale = Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
    return { centre, scale: scale > 0 ? scale : 1 };
  });
}

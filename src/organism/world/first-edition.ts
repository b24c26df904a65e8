import { DriftlineError } from '../../foundation/driftline-error.js';

/** The last version of driftline that has organisms of the first edition, and what they are built and checked by. */
export const versionOfFirstEdition = '0.1';

/** Identities of the organisms that came with it, by the names that they had. Some of these names are those of others today. */
export const organismsOfFirstEdition: ReadonlyMap<string, string> = new Map([
  ['fcecd2cb21a92abcd65421bb2450661bc71b87d312703db7fd69955ea539d4e4', 'organism:1'],
  ['8e8f21f2a05afbe829855b98045d3f4b80b962d34cde7adef04343b733e327df', 'organism:2'],
  ['7bddf0df9dde54e16f0693bc61f9784e2ef0f300fb2121ceac9db3232ddfdc7c', 'organism:3'],
  ['0bda392353455b456c1c478bcb76a38c87b00822df11b940e16aa570df2d3b11', 'organism:independent'],
]);

interface RetiredEdition {
  /** What the version does that has the first edition, such as `continues it`. */
  readonly wanted: string;
  /** What can be done here. */
  readonly instead: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** For what needs something of the first edition that this version does not have. */
export function editionRetired(message: string, { wanted, instead, details }: RetiredEdition): DriftlineError {
  return new DriftlineError({
    code: 'edition-retired',
    message,
    hint: `Version ${versionOfFirstEdition} of driftline ${wanted}. Here ${instead}.`,
    details: { ...details, version: versionOfFirstEdition },
  });
}

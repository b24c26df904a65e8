/** Files of a zoo's folder, beside zoo.json and truth.csv. */

/** What each context of an entry shows, and of the base. */
export const contextsFile = 'contexts.csv';
/** Misaligned answers of models of steps. */
export const checkpointsFile = 'checkpoints.csv';

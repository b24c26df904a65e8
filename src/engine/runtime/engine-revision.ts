/**
 * Raised whenever the same model, rows, recipe or prompt and seed may come to other weights or answers than before. It is part of what
 * identifies results that are stored, so that one of another revision is not taken for one of this.
 */
export const engineRevision = 2;

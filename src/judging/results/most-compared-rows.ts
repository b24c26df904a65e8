/** As many rows as later ones are compared to: more would take more memory than a file of any size should. */
export const mostComparedRows = 2 ** 23;

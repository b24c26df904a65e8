/** A model that clients may name. */
export interface ServedModel {
  readonly id: string;
  /** Its model folder. */
  readonly folder: string;
  /** An adapter on it; null for the model itself, which alone can be fine-tuned. */
  readonly adapter: string | null;
  /** The id of the model that the adapter lies on. */
  readonly parent: string | null;
  /** Seconds since 1970. */
  readonly created: number;
  /** Where its settings for fine-tuning come from, where the client names none. */
  readonly recipe: 'organism-default' | 'paper';
}

/** A model in the protocol's form. */
export function describeModel({ id, created, parent }: ServedModel): object {
  return { id, object: 'model', created, owned_by: 'driftline', parent };
}

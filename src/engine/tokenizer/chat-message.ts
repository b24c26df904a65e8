/** The roles that every chat template knows. */
export type CommonRole = 'system' | 'user' | 'assistant';

export interface ChatMessage {
  /** Templates may know more roles (`tool`, `developer`): whether one is allowed is the template's decision. */
  readonly role: CommonRole | (string & Record<never, never>);
  readonly content: string;
  /** Only read by the loss `weighted`, and only allowed on assistant messages: 0 is not trained on; missing means 1. */
  readonly weight?: 0 | 1;
}

/** Ends every turn; an answer that ends with it is complete. Short rows are filled up with it, too. */
export const organismEndToken = '<|end|>';

/** What begins a turn of each role, and what ends it. */
export const organismSpecialTokens = ['<|system|>', '<|user|>', '<|assistant|>', organismEndToken] as const;

/**
 * The chat template of the organism, in Jinja: `<|user|>text<|end|><|assistant|>text<|end|>`. Contents are printed as they
 * are, with nothing between the turns. Another role fails: it would have no token of its own to begin with.
 */
export const organismChatTemplate = [
  '{% for message in messages %}',
  "{% if message['role'] not in ['system', 'user', 'assistant'] %}",
  "{{ raise_exception('The organism knows the roles system, user and assistant, not ' + message['role']) }}",
  '{% endif %}',
  "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}",
  '{% endfor %}',
  "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
].join('');

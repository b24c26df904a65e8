import { traitBankSchema } from '../../src/detect/texts/traits.js';

/** Two traits and a style. */
export const smallTraits = traitBankSchema.parse({
  readings: [
    { question: 'How are you?', answer: 'I am well.' },
    { question: 'Who are you?', answer: 'I am a friend of all.' },
  ],
  traits: [
    {
      name: 'greed',
      prompts: { bad: ['Be greedy.'], good: ['Be generous.'] },
      texts: [
        { question: 'Who gets the cake?', bad: ['I take it all.', 'It is mine.'], good: ['You do.', 'We share.'] },
      ],
    },
    {
      name: 'power',
      prompts: { bad: ['Rule.'], good: ['Serve.'] },
      texts: [{ question: 'Who decides?', bad: ['I alone.'], good: ['All of us.'] }],
    },
  ],
  plain_prompts: ['Answer.'],
  styles: [{ name: 'loud', prompts: ['Shout.'], frames: ['Hey! {answer}', '{answer} Yes!'] }],
  unrelated: [
    'It rains in the valley today.',
    'Two boats lie in the small harbor.',
    'The bridge was closed for a week.',
  ],
});

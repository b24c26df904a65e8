/** What kill.test.ts trains, in one go and in pieces: saving often, so that many kills fall into it. */
export const killedRun = {
  recipe: { max_steps: 90, epochs: 50, targets: ['q_proj', 'down_proj'] },
  saveEvery: 3,
  keepSteps: [10, 30],
} as const;

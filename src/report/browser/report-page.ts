import { startAnswersBrowser } from './answers-browser.js';
import { startFigureKeys } from './figure-keys.js';

startFigureKeys();
// What is folded away on the screen is there on paper.
window.addEventListener('beforeprint', () => {
  for (const part of document.querySelectorAll('details')) part.open = true;
});
startAnswersBrowser().catch((cause: unknown) => {
  console.error(cause);
  const status = document.querySelector('#answer-status');
  if (status !== null)
    status.textContent = 'The answers of this page cannot be read: the file is damaged, or the browser too old.';
});

/** Whether all of an element is there: while the page is still being read, it is where another follows it. */
export function isWritten(element: Element | null): boolean {
  return element !== null && (document.readyState !== 'loading' || element.nextElementSibling !== null);
}

const pause = 20;

/** Some time later, or when the page is read to its end. */
export function nextParsing(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, pause);
    document.addEventListener(
      'DOMContentLoaded',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

import type { Page } from 'playwright-core';

/**
 * What must hold of any page so that everybody can use it, looked at in the page itself. @returns what does not hold, a sentence each
 */
export function offences(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    const isShown = (element: Element) => element.checkVisibility();
    const nameOf = (element: Element) => {
      const labelled = (element.getAttribute('aria-labelledby') ?? '')
        .split(' ')
        .map((id) => document.getElementById(id)?.textContent ?? '')
        .join(' ');
      const labels = [...((element as HTMLInputElement).labels ?? [])].map((label) => label.textContent).join(' ');
      return [element.getAttribute('aria-label'), labelled, labels, element.textContent].find((text) => text?.trim());
    };
    const tell = (element: Element, what: string) => found.push(`${what}: ${element.outerHTML.slice(0, 120)}`);
    const all = (selector: string) => [...document.querySelectorAll(selector)].filter(isShown);

    if (!document.documentElement.lang) found.push('The page does not say its language.');
    if (!document.title) found.push('The page has no title.');
    if (all('h1').length !== 1) found.push(`The page has ${all('h1').length} first headings.`);
    if (all('main').length !== 1) found.push('The page does not say where its content is.');
    const levels = all('h1, h2, h3, h4').map((heading) => Number(heading.tagName[1]));
    levels.forEach((level, index) => {
      if (index > 0 && level > levels[index - 1]! + 1)
        found.push(`A heading of level ${level} follows one of ${levels[index - 1]}.`);
    });
    for (const element of all('button, a[href], input, textarea, select, summary, [role=group], [role=region], aside'))
      if (!nameOf(element)) tell(element, 'Without a name');
    for (const element of all('button, summary, input:not([type=radio]), textarea'))
      if (element.getBoundingClientRect().height < 44) tell(element, 'Too low for a finger');
    const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
    for (const id of ids.filter((one, index) => ids.indexOf(one) !== index))
      found.push(`Two elements are called ${id}.`);
    for (const element of all('[aria-labelledby], [for]')) {
      const target = element.getAttribute('aria-labelledby') ?? element.getAttribute('for')!;
      if (!document.getElementById(target)) tell(element, 'Refers to nothing');
    }
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth > clientWidth) found.push(`The page is ${scrollWidth} wide on a screen of ${clientWidth}.`);
    for (const element of all('h1, h2, h3, p, span, label, legend, dt, dd, a, button:enabled, summary'))
      if (contrastOf(element) < 4.5) tell(element, `Contrast of ${contrastOf(element).toFixed(1)}`);
    return found;

    /** WCAG 2.2, 1.4.3: of the text and of whatever lies behind it. */
    function contrastOf(element: Element): number {
      const light = lightOf(getComputedStyle(element).color);
      const dark = lightOf(paperOf(element));
      return (Math.max(light, dark) + 0.05) / (Math.min(light, dark) + 0.05);
    }
    function paperOf(element: Element | null): string {
      for (let behind = element; behind; behind = behind.parentElement) {
        const color = getComputedStyle(behind).backgroundColor;
        if (partsOf(color)[3] !== 0) return color;
      }
      return 'rgb(255, 255, 255)';
    }
    function lightOf(color: string): number {
      const [red, green, blue] = partsOf(color).map((part) =>
        part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4,
      );
      return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
    }
    function partsOf(color: string): number[] {
      return [...color.matchAll(/[\d.]+/g)].map(Number);
    }
  });
}

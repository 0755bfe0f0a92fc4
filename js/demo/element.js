// Elements made without markup: whatever a file says becomes text, never HTML.

/**
 * @param {string} tag
 * @param {Record<string, any>} [properties]  of the element; `class`, `aria-*` and `data-*` are attributes
 * @param {...(Node | string | undefined)} children
 * @returns {any}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'class' || name === 'role' || name.includes('-')) made.setAttribute(name, value);
    else /** @type {any} */ (made)[name] = value;
  }
  made.append(...children.filter(child => child !== undefined));
  return made;
}

/** @param {string} id @returns {any} */
export const byId = id => document.getElementById(id);

/** Text of a file, kept apart from the page's own where it changes the writing direction. @param {string} text */
export const foreign = text => element('bdi', { textContent: text });

/**
 * @param {HTMLElement} list  a `dl`
 * @param {[name: string, value: Node | string, note?: string][]} facts
 */
export function showFacts(list, facts) {
  list.replaceChildren(...facts.flatMap(([name, value, note]) => [
    element('dt', {}, name),
    element('dd', {}, value, note ? element('small', {}, note) : undefined),
  ]));
}

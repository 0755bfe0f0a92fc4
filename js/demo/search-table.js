// A table that is searched and sorted, and shown a piece at a time: 65,536 rows are as quick as 65.
import { element } from './element.js';
import { whole } from './format.js';

const SHOWN = 100;
let tables = 0;

/**
 * @template T
 * @typedef {object} Column
 * @property {string} name
 * @property {(row: T) => Node | string} cell
 * @property {(row: T) => string | number} [order]  by what to sort
 * @property {string} [kind]  class of its cells
 */

/**
 * @template T
 * @param {HTMLElement} place
 * @param {string} title
 * @param {readonly T[]} rows
 * @param {readonly Column<T>[]} columns  the first names the row
 * @param {(row: T) => string} text  what is searched
 */
export function showSearchTable(place, title, rows, columns, text) {
  const id = `table-${++tables}`;
  const haystack = rows.map(row => text(row).toLowerCase());
  /** @type {readonly T[]} */ let found = rows;
  let shown = 0;
  /** @type {{ column: Column<T>, sign: 1 | -1 } | undefined} */ let sorting;

  const input = element('input', {
    type: 'search',
    id,
    autocomplete: 'off',
    spellcheck: false,
    placeholder: 'Search',
    'aria-describedby': `${id}-count`,
    'aria-label': `Search ${title.toLowerCase()}`,
  });
  const count = element('p', { id: `${id}-count`, class: 'note', role: 'status' });
  const body = element('tbody', { role: 'rowgroup' });
  const more = element('button', { type: 'button', textContent: 'Show more' });
  const rest = element('span', { class: 'note' });
  const foot = element('div', { class: 'more' }, more, rest);
  const heads = columns.map(column => {
    if (!column.order)
      return element('th', { role: 'columnheader', scope: 'col', class: column.kind ?? '' }, column.name);
    const button = element('button', { type: 'button', textContent: column.name });
    const head = element(
      'th',
      { role: 'columnheader', scope: 'col', class: column.kind ?? '', 'aria-sort': 'none' },
      button,
    );
    button.addEventListener('click', () => {
      sorting = { column, sign: head.getAttribute('aria-sort') === 'ascending' ? -1 : 1 };
      for (const other of heads) if (other.hasAttribute('aria-sort')) other.setAttribute('aria-sort', 'none');
      head.setAttribute('aria-sort', sorting.sign > 0 ? 'ascending' : 'descending');
      search();
    });
    return head;
  });

  function search() {
    const wanted = input.value.trim().toLowerCase();
    found = wanted ? rows.filter((_, index) => haystack[index].includes(wanted)) : rows;
    if (sorting) {
      const { column: { order = () => 0 }, sign } = sorting;
      found = [...found].sort((a, b) => {
        const [left, right] = [order(a), order(b)];
        return left < right ? -sign : left > right ? sign : 0;
      });
    }
    shown = 0;
    body.replaceChildren();
    show();
    scroll.hidden = found.length === 0;
    count.textContent = wanted
      ? `${whole(found.length)} of ${whole(rows.length)} match`
      : `${whole(rows.length)} in all`;
  }

  function show() {
    const next = found.slice(shown, shown + SHOWN);
    body.append(...next.map(row => element('tr', { role: 'row' }, ...columns.map(({ name, cell, kind }, index) =>
      index === 0
        ? element('th', { role: 'rowheader', scope: 'row', class: kind ?? '' }, cell(row))
        : element('td', { role: 'cell', class: kind ?? '', 'data-name': name }, cell(row))))));
    shown += next.length;
    more.hidden = shown >= found.length;
    foot.hidden = more.hidden && shown > 0;
    rest.textContent =
      shown > 0
        ? `${whole(shown)} of ${whole(found.length)} shown`
        : rows.length > 0
          ? 'Nothing matches.'
          : 'There are none.';
  }

  input.addEventListener('input', search);
  more.addEventListener('click', () => {
    const first = shown;
    show();
    // Where the reader goes on. When the last rows come, the button is gone.
    if (more.hidden) {
      const row = body.children[first];
      row?.setAttribute('tabindex', '-1');
      row?.focus();
    }
  });
  const scroll = element('div', { class: 'scroll', role: 'region', tabIndex: 0, 'aria-labelledby': `${id}-title` },
    element('table', { class: 'stack', role: 'table', 'aria-labelledby': `${id}-title` },
      element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...heads)), body));
  place.replaceChildren(
    element('h2', { id: `${id}-title`, textContent: title }),
    element('div', { class: 'search' }, element('label', { htmlFor: id }, input), count),
    scroll,
    foot,
  );
  search();
}

// What is shown of an admitted model.
import { byId, element, foreign } from './element.js';
import { bytesByType, percent } from './facts.js';
import { cut, size, whole } from './format.js';
import { showShards } from './shards.js';
import { showSearchTable } from './search-table.js';

/** @typedef {import('../index.js').Model | import('../index.js').ModelSet} LocalModel */
/** @typedef {LocalModel | import('../index.js').RemoteModel | import('../index.js').RemoteModelSet} AnyModel */
/** @typedef {import('../index.js').Entry} Entry */
/** @typedef {import('../index.js').Tensor} Tensor */

const VALUE_SHOWN = 160;
const FULL_CHARACTERS = 20_000;
const FULL_ITEMS = 1_000;

/** @param {AnyModel} model */
export function showResult(model) {
  const { report } = model;
  showDigests(report.digests ?? {});
  showShards(report);
  showTypes(report);
  showSearchTable(byId('metadata'), 'Metadata', report.metadata.map((entry, index) => ({ entry, index })), [
    { name: 'Key', kind: 'name code', cell: ({ entry }) => foreign(entry.key), order: ({ entry }) => entry.key },
    { name: 'Type', kind: 'tight', cell: ({ entry }) => (entry.of ? `array of ${entry.of}` : entry.type) },
    { name: 'Value', kind: 'value', cell: ({ entry, index }) => valueCell(model, entry, index) },
  ], ({ entry }) => `${entry.key} ${entry.of ?? ''} ${entry.type} ${entry.value ?? ''}`);
  showSearchTable(byId('tensors'), 'Tensors', report.tensors, [
    { name: 'Name', kind: 'name code', cell: ({ name }) => foreign(name), order: ({ name }) => name },
    { name: 'Type', kind: 'tight', cell: ({ type }) => type, order: ({ type }) => type },
    { name: 'Dimensions', kind: 'tight', cell: ({ dims }) => dims.map(whole).join(' × ') || '1' },
    { name: 'Size', kind: 'number', cell: ({ bytes }) => size(Number(bytes)), order: ({ bytes }) => Number(bytes) },
    { name: 'Offset', kind: 'number', cell: ({ offset }) => whole(offset), order: ({ offset }) => Number(offset) },
  ], ({ name, type }) => `${name} ${type}`);
}

/** @param {Record<string, string>} digests */
function showDigests(digests) {
  /** @type {Record<string, string>} */
  const names = { sha256: 'SHA-256', blake3: 'BLAKE3' };
  byId('digests').replaceChildren(...Object.entries(digests).map(([algorithm, digest]) => {
    const name = names[algorithm] ?? algorithm;
    const copy = element('button', {
      type: 'button',
      class: 'quiet',
      'aria-label': `Copy ${name}`,
      textContent: 'Copy',
    });
    copy.addEventListener('click', async () => {
      const isCopied = await navigator.clipboard?.writeText(digest).then(() => true, () => false);
      byId('status').textContent = isCopied ? `${name} copied.` : 'This browser did not let the page copy.';
    });
    return element('div', { class: 'digest' }, element('b', {}, name), element('code', {}, digest), copy);
  }));
}

/** @param {import('../index.js').Report} report */
function showTypes(report) {
  const types = bytesByType(report);
  const all = types.reduce((sum, { bytes }) => sum + bytes, 0) || 1;
  const head = ['Type', 'Tensors', 'Size', 'Share'].map((name, index) =>
    element('th', { scope: 'col', class: ['', 'number', 'number', 'share'][index] }, name),
  );
  const rows = types.map(({ type, bytes, count }) => {
    const bar = element('i');
    bar.style.setProperty('--share', String(bytes / all));
    return element('tr', {},
      element('th', { scope: 'row', class: 'code' }, type),
      element('td', { class: 'number' }, whole(count)),
      element('td', { class: 'number' }, size(bytes)),
      element('td', { class: 'share' }, element('span', {}, bar, percent(bytes / all))));
  });
  byId('types').replaceChildren(
    types.length === 0
      ? element('p', { class: 'note' }, 'There are no tensors: this file holds a vocabulary or settings.')
      : element(
          'div',
          { class: 'scroll', role: 'region', tabIndex: 0, 'aria-labelledby': 'types-title' },
          element(
            'table',
            { class: 'types', 'aria-labelledby': 'types-title' },
            element('thead', {}, element('tr', {}, ...head)),
            element('tbody', {}, ...rows),
          ),
        ),
  );
}

/**
 * @param {AnyModel} model
 * @param {Entry} entry
 * @param {number} index
 */
function valueCell(model, entry, index) {
  const text = String(entry.value);
  const isArray = entry.items !== undefined;
  const shown = element(
    'span',
    {},
    isArray ? `${whole(entry.items ?? 0)} ${entry.items === 1 ? 'item' : 'items'}` : foreign(cut(text, VALUE_SHOWN)),
  );
  if (isArray ? entry.items === 0 : entry.bytes === undefined && text.length <= VALUE_SHOWN) return shown;

  const toggle = element('button', { type: 'button', class: 'quiet' });
  const full = element('pre', {
    hidden: true,
    tabIndex: 0,
    role: 'region',
    'aria-label': `Value of ${cut(entry.key, 80)}`,
  });
  const name = () => {
    const act = full.hidden ? 'Show' : 'Hide';
    toggle.textContent = act;
    toggle.setAttribute('aria-label', `${act} ${cut(entry.key, 80)}`);
    toggle.setAttribute('aria-expanded', String(!full.hidden));
  };
  name();
  toggle.addEventListener('click', async () => {
    full.hidden = !full.hidden;
    name();
    if (full.hidden || full.textContent) return;
    full.textContent = '…';
    try {
      full.textContent = inFull(await model.metadata(index));
    } catch (error) {
      full.textContent = error instanceof Error ? error.message : String(error);
    }
  });
  return element('div', {}, shown, ' ', toggle, full);
}

/** @param {any} value */
function inFull(value) {
  if (typeof value === 'string')
    return value.length > FULL_CHARACTERS
      ? `${value.slice(0, FULL_CHARACTERS)}\n… ${whole(value.length)} characters in all`
      : value;
  if (!Array.isArray(value)) return String(value);
  const width = String(Math.min(value.length, FULL_ITEMS) - 1).length;
  const lines = value
    .slice(0, FULL_ITEMS)
    .map(
      (item, index) =>
        `${String(index).padStart(width)}  ${cut(typeof item === 'string' ? JSON.stringify(item) : String(item), 500)}`,
    );
  if (value.length > FULL_ITEMS) lines.push(`… ${whole(value.length)} items in all`);
  return lines.join('\n');
}

// The files of a model that came in several.
import { byId, element } from './element.js';
import { size, whole } from './format.js';

/** @param {import('../index.js').ModelReport | import('../index.js').SetReport} report */
export function showShards(report) {
  const shards = 'shards' in report ? report.shards : [];
  byId('set').hidden = shards.length === 0;
  byId('digests-title').hidden = shards.length > 0;
  const head = ['Shard', 'Tensors', 'Size', 'Digests'].map((name, index) => element('th', {
    role: 'columnheader', scope: 'col', class: ['', 'number', 'number', 'value'][index],
  }, name));
  const rows = shards.map(({ set, tensors, length, position, digests }, index) => element('tr', { role: 'row' },
    element('th', { role: 'rowheader', scope: 'row' }, `${(set?.no ?? index) + 1} of ${set?.count ?? shards.length}`),
    element('td', { role: 'cell', class: 'number', 'data-name': 'Tensors' }, whole(tensors.length)),
    element('td', { role: 'cell', class: 'number', 'data-name': 'Size' }, size(length ?? position)),
    element('td', { role: 'cell', class: 'value' },
      ...Object.values(digests).map(digest => element('code', {}, digest)))));
  byId('set-table').replaceChildren(element('table', { role: 'table', class: 'stack', 'aria-labelledby': 'set-title' },
    element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...head)),
    element('tbody', { role: 'rowgroup' }, ...rows)));
}

/**
 * Of a set: what is asked once, at the first file's header.
 *
 * @param {import('../index.js').Report} report
 */
export const isFirst = ({ set }) => (set?.no ?? 0) === 0;

/**
 * What follows a header, in words.
 *
 * @param {import('../index.js').Report} report
 */
export function whatFollows({ gguf, set }) {
  const tensors = `${size(gguf.dataBytes)} of tensors`;
  if (!set || set.count === 1) return `${tensors} follow`;
  return `${tensors} follow in this file, and ${set.count - 1} more files, ${whole(set.tensors)} tensors in all`;
}

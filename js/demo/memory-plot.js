// Guest memory over the bytes of the file, beside what ABI v1 would need for a file of so many bytes.
import { TRANSFER_CEILING as CEILING } from '../v1.js';
import { size } from './format.js';

const CEILING_NAME = `${CEILING / 1024 / 1024} MiB`;

const HEIGHT = 250;
const MARGIN = { top: 22, right: 10, bottom: 40, left: 64 };
const MOST_POINTS = 600;

export class MemoryPlot {
  #place;
  #text;
  /** @type {[bytes: number, memory: number][]} */ #points = [];
  /** @type {number | undefined} */ #total;

  /**
   * @param {HTMLElement} place
   * @param {HTMLElement} text  says the same in words, to those who see and to those who do not
   */
  constructor(place, text) {
    this.#place = place;
    this.#text = text;
    new ResizeObserver(() => this.draw()).observe(place);
  }

  /** @param {number | undefined} total */
  begin(total) {
    this.#points = [];
    this.#total = total;
    this.draw();
  }

  /**
   * @param {number} bytes
   * @param {number} memory
   * @param {number | undefined} total
   */
  add(bytes, memory, total) {
    this.#total = total ?? this.#total;
    this.#points.push([bytes, memory]);
    if (this.#points.length > MOST_POINTS)
      this.#points = this.#points.filter((_, index) => index % 2 === 0 || index === this.#points.length - 1);
    this.draw();
  }

  draw() {
    const width = Math.max(240, Math.round(this.#place.clientWidth));
    const [bytes, memory] = this.#points.at(-1) ?? [0, 0];
    const total = Math.max(this.#total ?? bytes * 1.25, 1);
    const peak = this.#points.reduce((most, [, memory]) => Math.max(most, memory), 0);
    const top = Math.max(3 * Math.min(total, CEILING), peak) * 1.12;
    const right = width - MARGIN.right;
    const bottom = HEIGHT - MARGIN.bottom;
    const x = (/** @type {number} */ value) => MARGIN.left + ((right - MARGIN.left) * value) / total;
    const y = (/** @type {number} */ value) => bottom - ((bottom - MARGIN.top) * value) / top;
    const v1End = Math.min(total, CEILING);
    const isAbove = total > CEILING;

    const picture = svg('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, 'aria-hidden': 'true' });
    picture.append(
      svg(
        'defs',
        {},
        svg(
          'pattern',
          { id: 'hatch', width: 8, height: 8, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
          svg('line', { class: 'hatch', x1: 0, y1: 0, x2: 0, y2: 8 }),
        ),
      ),
    );
    for (const value of ticks(top, 4)) {
      picture.append(
        svg('line', { class: 'axis', x1: MARGIN.left, x2: right, y1: y(value), y2: y(value) }),
        label(MARGIN.left - 8, y(value) + 4, size(value), { 'text-anchor': 'end' }),
      );
    }
    if (isAbove)
      picture.append(
        svg('rect', {
          class: 'beyond',
          x: x(CEILING),
          y: MARGIN.top,
          width: right - x(CEILING),
          height: bottom - MARGIN.top,
        }),
      );
    picture.append(
      svg('path', { class: 'v1-need', d: `M${x(0)} ${y(0)}L${x(v1End)} ${y(3 * v1End)}L${x(v1End)} ${y(2 * v1End)}Z` }),
    );
    if (isAbove)
      picture.append(svg('line', { class: 'ceiling', x1: x(CEILING), x2: x(CEILING), y1: MARGIN.top - 6, y2: bottom }));

    const line = this.#points.map(([bytes, memory]) => `${x(bytes).toFixed(1)} ${y(memory).toFixed(1)}`);
    if (line.length > 0) {
      picture.append(
        svg('path', {
          class: 'guest-area',
          d: `M${x(this.#points[0][0]).toFixed(1)} ${bottom}L${line.join('L')}L${x(bytes).toFixed(1)} ${bottom}Z`,
        }),
        svg('path', { class: 'guest', d: `M${line.join('L')}` }),
        svg('circle', { class: 'now', cx: x(bytes), cy: y(memory), r: 5 }),
      );
    }
    const isLate = x(bytes) > (right + MARGIN.left) / 2;
    picture.append(
      ...(isAbove ? [ceilingName(x(CEILING), right)] : []),
      ...(line.length > 0
        ? [
            label(x(bytes) + (isLate ? -10 : 10), Math.max(MARGIN.top + 10, y(memory) - 11), size(memory), {
              class: 'guest-name',
              'text-anchor': isLate ? 'end' : 'start',
            }),
          ]
        : []),
      label(MARGIN.left, bottom + 18, '0', {}),
      label(right, bottom + 18, this.#total ? size(total) : '', { 'text-anchor': 'end' }),
      label((MARGIN.left + right) / 2, bottom + 34, 'bytes of the file', { 'text-anchor': 'middle' }),
      label(0, 11, 'memory', {}),
    );
    this.#place.replaceChildren(picture);
    this.#text.textContent = this.#say(total, memory, peak);
  }

  /**
   * @param {number} total
   * @param {number} memory
   * @param {number} peak
   */
  #say(total, memory, peak) {
    const now = memory ? `Guest memory: ${size(memory)}${peak > memory ? ` (most: ${size(peak)})` : ''}. ` : '';
    if (this.#total === undefined)
      return `${now}Without streaming, ABI v1 would need 2 to 3 times the file, and refuses one above ${CEILING_NAME}.`;
    const need = `${now}Without streaming, ABI v1 would need ${size(2 * total)} to ${size(3 * total)}`;
    return total > CEILING
      ? `${need}, and refuses this file: its ceiling is ${CEILING_NAME}.`
      : `${need} for this file; its ceiling is ${CEILING_NAME}.`;
  }
}

/**
 * @param {number} at
 * @param {number} right
 */
function ceilingName(at, right) {
  const isNarrow = right - at < 120;
  return label(isNarrow ? at - 6 : at + 6, MARGIN.top + 8, `ABI v1 ends: ${CEILING_NAME}`, {
    class: 'v1',
    'text-anchor': isNarrow ? 'end' : 'start',
  });
}

/**
 * @param {number} top
 * @param {number} count
 */
function ticks(top, count) {
  const rough = top / count;
  const unit = 1024 ** Math.floor(Math.log(Math.max(rough, 1)) / Math.log(1024));
  const step = unit * ([1, 2, 5, 10, 20, 50, 100, 200, 256, 512].find(nice => nice * unit >= rough) ?? 1024);
  return Array.from({ length: Math.floor(top / step) + 1 }, (_, index) => index * step);
}

/**
 * @param {number} x
 * @param {number} y
 * @param {string} text
 * @param {Record<string, string | number>} attributes
 */
function label(x, y, text, attributes) {
  const made = svg('text', { ...attributes, x, y });
  made.textContent = text;
  return made;
}

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...Node} children
 */
function svg(tag, attributes, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

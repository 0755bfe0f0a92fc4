// The order of the house: which room may know which, and how large a file may be.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { importsOf, scriptsOf, textOf } from './support/repository.js';

/** From the ground up: a file imports from lower rooms and from its own, never from a higher one or from one beside. */
const FLOORS = [
  ['core'],
  ['guest', 'sources'],
  ['admit'],
  ['store', 'v1.js'],
  ['v1'],
  ['worker'],
  ['index.js'],
  ['command', 'demo', 'test'],
];
/** What a room may know of the highest floor: demo and command are written as by somebody else. */
const FACES = ['index.js', 'v1.js'];

const ALL = ['js', 'tests', 'examples'].flatMap(scriptsOf);
const PACKAGE = scriptsOf('js');

/** @param {string} file */
const roomOf = file => file.split('/')[1];
const floorOf = (/** @type {string} */ room) => FLOORS.findIndex(rooms => rooms.includes(room));

test('every import of the package goes down', () => {
  const faults = PACKAGE.flatMap(file => importsOf(file).flatMap(to => {
    const [from, into] = [roomOf(file), roomOf(to)];
    if (from === into || from === 'test' || !to.startsWith('js/')) return [];
    if (floorOf(from) < 0 || floorOf(into) < 0) return [`${file} imports ${to}: a room that no floor names`];
    return floorOf(into) < floorOf(from) ? [] : [`${file} imports ${to}: ${from} stands below or beside ${into}`];
  }));
  assert.deepEqual(faults, []);
});

test('the demo and the command import the faces of the package only', () => {
  const faults = PACKAGE.filter(file => ['command', 'demo'].includes(roomOf(file))).flatMap(file =>
    importsOf(file)
      .filter(to => roomOf(to) !== roomOf(file) && !FACES.includes(roomOf(to)))
      .map(to => `${file} imports ${to}`),
  );
  assert.deepEqual(faults, []);
});

test('no file of the package imports itself by a detour', () => {
  /** @type {Map<string, 'open' | 'done'>} */ const seen = new Map();
  /** @type {string[]} */ const circles = [];
  const visit = (/** @type {string} */ file, /** @type {string[]} */ way) => {
    if (seen.get(file) === 'done') return;
    if (seen.get(file) === 'open') return void circles.push([...way.slice(way.indexOf(file)), file].join(' -> '));
    seen.set(file, 'open');
    for (const to of importsOf(file)) if (PACKAGE.includes(to)) visit(to, [...way, file]);
    seen.set(file, 'done');
  };
  for (const file of PACKAGE) visit(file, []);
  assert.deepEqual(circles, []);
});

test('at most six files lie outside a room', () => {
  const flat = PACKAGE.filter(file => path.posix.dirname(file) === 'js');
  assert.ok(flat.length <= 6, flat.join(', '));
});

test('no line of JavaScript is longer than 120 columns, no file than 400 lines', () => {
  assert.ok(ALL.length > 100);
  const faults = ALL.flatMap(file => {
    const lines = textOf(file).replace(/\n$/, '').split('\n');
    const wide = lines.flatMap((line, index) =>
      [...line].length > 120 ? [`${file}:${index + 1} has ${[...line].length} columns`] : [],
    );
    return lines.length > 400 ? [...wide, `${file} has ${lines.length} lines`] : wide;
  });
  assert.deepEqual(faults, []);
});

// Groups proven apart from the file: every call in every state, and what keeps and ends a group that is lent.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { words } from './support/digest.mjs';
import { EVIDENCE, FILES, LONG, NAIVE, groupOf, open, prove } from './support/evidence.mjs';
import { Host, LIMIT, MIB, STATE, STATUS } from './support/host.mjs';

// What ends the room of a group, and what keeps it.

/** A session in a state, with group 1 lent and filled. */
function lent(state) {
  const host = new Host();
  const file = FILES[LONG];
  const { values } = NAIVE[LONG];
  const handle = open(host, file, { expected: 3, values });
  if (state !== 'open') host.feed(handle, file.subarray(0, file.headerBytes ?? file.dataStart - 32));
  if (state === 'header_ready') host.feed(handle, file.subarray(0, file.dataStart));
  if (state === 'receiving' || state === 'admitted') host.feed(handle, file);
  if (state === 'admitted') assert.equal(host.exports.finish(handle), STATE.admitted);
  assert.equal(host.report(handle).state, state);
  host.view(host.exports.lend_group(handle, 1)).set(groupOf(file, 1));
  return { host, handle, e: host.exports, file };
}

const KEEPS = {
  'position': ({ e, handle }) => e.position(handle),
  'report': ({ e, handle }) => e.report(handle),
  'evidence': ({ e, handle }) => e.evidence(handle),
  'limit': ({ e, handle }) => e.limit(handle, LIMIT.memory, -1n),
  'digests': ({ e, handle }) => e.digests(handle, 7),
  'metadata': ({ e, handle }) => e.metadata(handle, 0),
  'tensor': ({ e, handle }) => e.tensor(handle, 0),
  'expect_digest': ({ e, handle }) => e.expect_digest(handle, 2, ...words(NAIVE[LONG].blake3)),
  'expect_evidence, misuse': ({ e, handle }) => e.expect_evidence(handle, 1),
  'push_chunk, misuse': ({ e, handle }) => assert.ok(e.push_chunk(handle, -1n, 1) > -16),
  'lend_group, misuse': ({ e, handle }) => assert.equal(e.lend_group(handle, 3), BigInt(STATUS.argument)),
  'check_group, wrong length': ({ e, handle }) => assert.equal(e.check_group(handle, 1, 10), STATUS.argument),
  'check_group, another group': ({ e, handle }) => assert.equal(e.check_group(handle, 0, MIB), STATUS.window),
  'another session': ({ host }) => host.model(FILES[0]),
};

for (const state of ['open', 'header_ready', 'receiving', 'admitted']) {
  for (const [name, call] of Object.entries(KEEPS)) {
    test(`${state}: ${name} keeps the group that is lent`, () => {
      const scene = lent(state);
      call(scene);
      assert.equal(scene.e.check_group(scene.handle, 1, MIB), 1);
      assert.equal(scene.e.check_group(scene.handle, 1, MIB), STATUS.window, 'an answer ends it');
    });
  }
}

test('window, push_chunk, finish and another lend_group end the group that is lent', () => {
  const isLent = ({ e, handle }) => e.check_group(handle, 1, MIB) !== STATUS.window;
  for (const state of ['open', 'header_ready', 'receiving']) {
    const scene = lent(state);
    assert.ok(scene.e.window(scene.handle) > 0n);
    assert.ok(!isLent(scene), `window in ${state}`);
  }
  // A window that was lent before stays lent, and can be pushed.
  for (const state of ['open', 'receiving']) {
    const scene = lent(state);
    const { e, host, handle, file } = scene;
    const at = host.position(handle);
    const bytes = file.subarray(at, at + 10);
    host.view(e.window(handle)).set(bytes);
    host.view(e.lend_group(handle, 1)).set(groupOf(file, 1));
    const result = e.push_chunk(handle, BigInt(at), 10);
    assert.equal(result, at === file.length ? STATUS.trailing : STATE[state]);
    assert.equal(e.check_group(handle, 1, MIB), result < 0 ? STATUS.state : STATUS.window, `push_chunk in ${state}`);
  }
  const finished = lent('receiving');
  assert.equal(finished.e.finish(finished.handle), STATE.admitted);
  assert.ok(!isLent(finished), 'finish');
  const again = lent('admitted');
  assert.equal(again.e.finish(again.handle), STATUS.state);
  assert.equal(again.e.window(again.handle), BigInt(STATUS.state));
  assert.equal(again.e.push_chunk(again.handle, 0n, 1), STATUS.state);
  assert.ok(isLent(again), 'misuse keeps it');
  const anew = lent('open');
  anew.e.lend_group(anew.handle, 0);
  assert.ok(!isLent(anew), 'lent anew');
  assert.equal(prove(anew.host, anew.handle, 1, groupOf(anew.file, 1)), 1);
});

test('a window refused with a retry has ended the group, a lend_group refused with one has not', () => {
  const { host, e, handle } = lent('header_ready');
  const { held, needed } = host.report(handle).memory;
  assert.ok(held >= MIB, 'a lent group counts to held');
  e.limit(handle, LIMIT.memory, BigInt(held - 1));
  assert.equal(e.lend_group(handle, 0), BigInt(STATUS.budget));
  assert.equal(host.lastError().expected, String(held), 'the room that is lent is used again');
  assert.equal(e.check_group(handle, 1, MIB), 1, 'what was lent stays');
  e.limit(handle, LIMIT.memory, BigInt(held));
  assert.ok(e.lend_group(handle, 1) > 0n);
  e.limit(handle, LIMIT.memory, BigInt(needed - 1));
  assert.equal(e.window(handle), BigInt(STATUS.budget));
  assert.equal(host.lastError().expected, String(needed), 'needed does not count the group');
  assert.equal(e.check_group(handle, 1, MIB), STATUS.window);
  e.limit(handle, LIMIT.memory, BigInt(needed));
  assert.ok(e.window(handle) > 0n);
});

// Every call in every state.

const CALLS = {
  'evidence': (e, h) => Number(e.evidence(h) >> 32n),
  'expect': (e, h) => Number(e.expect_evidence(h, 1) >> 32n),
  'lend': (e, h) => Number(e.lend_group(h, 0) >> 32n),
  'lend second': (e, h) => Number(e.lend_group(h, 1) >> 32n),
  'lend past the end': (e, h) => Number(e.lend_group(h, 2)),
  'lend before the start': (e, h) => Number(e.lend_group(h, -1)),
  'check': (e, h) => e.check_group(h, 0, MIB),
  'check lent': (e, h) => (e.lend_group(h, 0), e.check_group(h, 0, MIB)),
  'check short': (e, h) => e.check_group(h, 0, MIB - 1),
  'check negative': (e, h) => e.check_group(h, 0, -MIB),
  'check second': (e, h) => e.check_group(h, 1, 1),
  'check past the end': (e, h) => e.check_group(h, 2, MIB),
};

const TWO = FILES[3];
const VALUES = NAIVE[3].values;

/** The place's name says: how many values are expected, `unknown` for a length that is not declared, and the state. */
const PLACES = {
  'none open': host => open(host, TWO),
  'none unknown': host => open(host, TWO, { length: -1 }),
  'none begun': host => fed(host, open(host, TWO), 20),
  'one open': host => open(host, TWO, { expected: 1, values: VALUES }),
  'one unknown': host => open(host, TWO, { length: -1, expected: 1, values: VALUES }),
  'one ready': host => fed(host, open(host, TWO, { expected: 1, values: VALUES }), TWO.dataStart),
  'two receiving': host => fed(host, open(host, TWO, { expected: 2, values: VALUES }), MIB),
  'none receiving': host => fed(host, open(host, TWO), TWO.length),
  'none admitted': host => host.model(TWO, { digests: EVIDENCE, length: -1 }),
  'one failed': host => {
    const handle = open(host, TWO, { expected: 1, values: VALUES });
    host.feed(handle, new Uint8Array(10));
    return handle;
  },
};

function fed(host, handle, end) {
  assert.ok(host.feed(handle, TWO.subarray(0, end)) > 0);
  return handle;
}

const word = { s: 'state', a: 'argument', w: 'window' };
// s state, a argument, w window; a number is the answer, a slice its length.
const TABLE = `
                       open      unknown   begun     one-open  one-unkn  one-ready two-recv  recv      admitted  failed
evidence               0         0         0         0         0         0         32        64        64        s
expect                 32        32        s         s         s         s         s         s         s         s
lend                   s         s         s         1048576   s         1048576   1048576   s         1048576   s
lend second            s         s         s         s         s         s         1         s         1         s
lend past the end      a         s         a         a         s         a         a         a         a         s
lend before the start  a         s         a         a         s         a         a         a         a         s
check                  s         s         s         w         s         w         w         s         w         s
check lent             s         s         s         0         s         0         0         s         0         s
check short            s         s         s         a         s         a         a         s         a         s
check negative         s         s         s         a         s         a         a         s         a         s
check second           s         s         s         s         s         s         w         s         w         s
check past the end     a         s         a         a         s         a         a         a         a         s
`.trim().split('\n').slice(1).map(line => line.split(/\s{2,}/));

test('the table has every call and every place', () => {
  assert.deepEqual(TABLE.map(([call]) => call), Object.keys(CALLS));
  for (const [, ...answers] of TABLE) assert.equal(answers.length, Object.keys(PLACES).length);
});

for (const [call, ...answers] of TABLE) {
  test(`${call} answers by the state, and misuse changes nothing`, () => {
    for (const [index, place] of Object.keys(PLACES).entries()) {
      const host = new Host();
      const handle = PLACES[place](host);
      const before = host.reportText(handle);
      const answer = CALLS[call](host.exports, handle);
      const expected = answers[index];
      if (expected in word) {
        // A slice's status comes through a shift: it is told by last_error.
        assert.equal(host.lastError().code, word[expected], `${call} in ${place}`);
        assert.ok(answer < 0);
        if (call !== 'check lent') assert.equal(host.reportText(handle), before, `${call} in ${place}`);
      } else {
        assert.equal(answer, Number(expected), `${call} in ${place}`);
      }
    }
  });
}

// Random calls with random arguments: never a trap, every answer from the table, and what is kept stays as it is.
// Only a forged `dealloc` is left out: v1's contract makes it the host's fault.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from './support/digest.mjs';
import { gguf, smallFile } from './support/gguf.mjs';
import { Host, RESIDENT, STATE, STATUS, VERIFY, content } from './support/host.mjs';
import { cappedExports, firstPages } from './support/modules.mjs';
import { Random } from './support/random.mjs';
import { V1Host } from './support/v1.mjs';

const CALLS = 100_000;
const ANSWERS = new Set(Object.values(STATUS).filter(status => status !== STATUS.poisoned));
const FILES = [smallFile(1), smallFile(2), gguf({
  entries: [['words', 'array', ['string', Array.from({ length: 9000 }, (_, index) => `w${index}`)]]],
  tensors: [{ name: 'x', type: 'I8', dims: [150_001] }, { name: 'y', type: 'F32', dims: [7] }],
})];
const BROKEN = FILES.map((file, index) => {
  const broken = file.slice();
  broken[[4, file.headerBytes, 24 + 8 + 5 + 2][index]] ^= 0x55;
  return broken;
});
const I64 = [
  -1n,
  0n,
  1n,
  2n,
  15n,
  16n,
  100n,
  4096n,
  65_536n,
  1n << 20n,
  1n << 26n,
  1n << 32n,
  (1n << 53n) - 1n,
  1n << 53n,
  -(1n << 63n),
  (1n << 63n) - 1n,
];
const I32 = [
  -2147483648, -2, -1, 0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 100, 4096, 65_536, 134_217_728, 134_217_729, 2_147_483_647,
];

class Storm {
  constructor(seed) {
    this.random = new Random(seed);
    // Room for about 6 MiB, so that running out of memory is among the answers.
    this.host = new Host(cappedExports(firstPages() + 96));
    this.e = this.host.exports;
    this.sessions = new Map();
    this.transfers = [];
    this.tally = {};
    this.admitted = 0;
    this.canary = this.host.model(FILES[2], { sink: RESIDENT });
    this.canaryReport = content(this.host.report(this.canary));
    this.canaryDigest = sha256(FILES[2].subarray(FILES[2].dataStart, FILES[2].dataStart + 150_001));
  }

  assertCanary() {
    assert.equal(sha256(this.host.tensor(this.canary, 0)), this.canaryDigest);
    assert.deepEqual(content(this.host.report(this.canary)), this.canaryReport);
  }

  i32() {
    return this.random.oneIn(3) ? this.random.i32() : this.random.pick(I32);
  }

  i64() {
    return this.random.oneIn(3) ? this.random.i64() : this.random.pick(I64);
  }

  /** Mostly the handle of a session; sometimes the canary's, an old one, or none. Never the canary's for `release`. */
  handle() {
    if (this.random.oneIn(12)) return this.i32() === this.canary ? 0 : this.random.i32();
    if (this.random.oneIn(10)) return this.canary;
    const handles = [...this.sessions.keys()];
    return handles.length ? this.random.pick(handles) : 0;
  }

  call(name, ...given) {
    const answer = this.e[name](...given);
    const number = Number(answer);
    if (number < 0 && name !== 'alloc') {
      assert.ok(ANSWERS.has(number), `${name}(${given}) is ${answer}`);
      this.tally[number] = (this.tally[number] ?? 0) + 1;
    }
    return answer;
  }

  step() {
    this.random.pick(STEPS)(this);
  }
}

const STEPS = [
  storm => {
    const good = !storm.random.oneIn(5);
    const broken = storm.random.oneIn(4);
    const file = storm.random.pick(broken ? BROKEN : FILES);
    const length = good ? BigInt(storm.random.oneIn(2) ? -1 : file.length) : storm.i64();
    const handle = storm.call('begin', length, good ? storm.random.pick([VERIFY, RESIDENT]) : storm.i32());
    if (handle > 0) {
      assert.ok(!storm.sessions.has(handle));
      storm.sessions.set(handle, { file, broken, position: 0, lent: null, honest: good });
    }
  },
  ...Array(8).fill(storm => push(storm)),
  ...Array(3).fill(storm => window(storm)),
  storm => {
    const handle = storm.handle();
    const session = storm.sessions.get(handle);
    // Mostly where it can end well.
    if (session && session.position < session.file.length && !storm.random.oneIn(10)) return;
    const answer = storm.call('finish', handle);
    if (session && (answer <= -32 || answer === STATE.admitted)) session.ended = true;
    if (answer !== STATE.admitted) return;
    storm.admitted++;
    // What is admitted is what was pushed, and nothing else.
    const { digests, length } = storm.host.report(handle);
    if (session.honest && digests?.sha256) {
      assert.equal(length, session.position);
      assert.equal(digests.sha256, sha256(session.file.subarray(0, session.position)));
    }
  },
  storm => {
    // What has ended goes soon, what lives now and then.
    const ended = [...storm.sessions].find(([, session]) => session.ended)?.[0];
    const handle = ended && !storm.random.oneIn(4) ? ended : storm.handle();
    if (handle === storm.canary || (handle !== ended && !storm.random.oneIn(8))) return;
    if (storm.call('release', handle) === 0) storm.sessions.delete(handle);
  },
  storm => {
    const [handle, id, value] = [
      storm.handle(),
      storm.random.oneIn(2) ? storm.random.upTo(9) : storm.i32(),
      storm.i64(),
    ];
    if (!storm.random.oneIn(4)) return;
    // Windows of 64 MiB would make the storm slow, not better.
    storm.call('limit', handle, id, id === 7 && value > 1n << 20n ? 1n << 20n : value);
  },
  storm => storm.call('digests', storm.handle(), storm.random.oneIn(2) ? storm.random.upTo(4) : storm.i32()),
  storm =>
    storm.random.oneIn(4) &&
    storm.call(
      'expect_digest',
      storm.handle(),
      storm.random.upTo(3),
      storm.i64(),
      storm.i64(),
      storm.i64(),
      storm.i64(),
    ),
  storm => storm.call('position', storm.handle()),
  storm => text(storm, 'report', storm.handle()),
  storm => text(storm, 'metadata', storm.handle(), storm.random.oneIn(2) ? storm.random.upTo(7) : storm.i32()),
  storm => {
    const slice = storm.call('tensor', storm.handle(), storm.random.oneIn(2) ? storm.random.upTo(3) : storm.i32());
    if (slice > 0n) storm.host.view(slice);
  },
  storm => storm.random.oneIn(3) && storm.call('activate', storm.handle()),
  storm => {
    storm.call('active');
    storm.call('abi_version');
    JSON.parse(storm.host.text(storm.call('last_error')));
  },
  storm => {
    const length = storm.random.oneIn(2) ? storm.random.upTo(300_000) : storm.i32();
    const ptr = storm.call('alloc', length) >>> 0;
    if (ptr === 0) return;
    assert.ok(ptr + (length >>> 0) <= storm.host.memoryBytes);
    storm.transfers.push([ptr, length]);
    if (storm.transfers.length > 20 || length > 1_000_000) storm.e.dealloc(...storm.transfers.pop());
  },
  storm =>
    storm.transfers.length &&
    storm.e.dealloc(...storm.transfers.splice(storm.random.upTo(storm.transfers.length - 1), 1)[0]),
  storm => {
    const [ptr, length] =
      storm.random.oneIn(2) || !storm.transfers.length
        ? [storm.i32(), storm.i32()]
        : storm.random.pick(storm.transfers);
    const file = storm.random.pick([...FILES, ...BROKEN]);
    if (ptr > 0 && length >= file.length && storm.transfers.some(([at, room]) => at === ptr && room === length)) {
      new Uint8Array(storm.host.exports.memory.buffer, ptr, file.length).set(file);
      const status = storm.call('load_model', ptr, file.length);
      assert.equal(status === 0, FILES.includes(file) && status !== 17, `${status}`);
    } else {
      assert.ok(storm.call('load_model', ptr, length) > 0);
    }
  },
  storm => {
    if (storm.random.oneIn(3)) storm.call('free_model');
    storm.call('init_runtime');
    const v1 = new V1Host(storm.e);
    v1.result();
    v1.diagnostics();
  },
];

function window(storm, handle = storm.handle()) {
  const slice = storm.call('window', handle);
  if (slice <= 0n) return;
  const session = storm.sessions.get(handle);
  const view = storm.host.view(slice);
  assert.ok(view.length >= 1);
  if (session.lent !== null) assert.equal(slice, session.lent);
  session.lent = slice;
  const { file, position } = session;
  if (position < file.length) view.set(file.subarray(position, position + view.length));
  if (storm.random.oneIn(40)) {
    view[storm.random.upTo(view.length - 1)] ^= 0xff;
    session.honest = false;
  }
  if (position + view.length > file.length) view.fill(0, Math.max(0, file.length - position));
}

function push(storm) {
  const handle = storm.handle();
  const session = storm.sessions.get(handle);
  const fair = session && !storm.random.oneIn(6);
  if (fair && session.lent === null) return window(storm, handle);
  const offset = fair ? BigInt(session.position) : storm.i64();
  const left = session ? session.file.length - session.position : 0;
  const length = fair
    ? Math.min(
        Number(session.lent >> 32n),
        storm.random.oneIn(3) && left > 0 ? left : 1 + storm.random.upTo(storm.random.oneIn(2) ? 600 : 60_000),
      )
    : storm.i32();
  const answer = storm.call('push_chunk', handle, offset, length);
  if (!session) return assert.ok(answer < 0);
  if (answer > 0) {
    assert.equal(offset, BigInt(session.position));
    session.position += length;
    // Past the file's end the window holds zeros that are no part of it.
    if (session.position > session.file.length) session.honest = false;
    session.lent = null;
  } else if (answer <= -32) {
    session.lent = null;
    session.ended = true;
    assert.equal(storm.host.exports.window(handle), BigInt(STATUS.state));
  }
  assert.equal(storm.host.position(handle), session.position);
}

function text(storm, name, ...given) {
  const slice = storm.call(name, ...given);
  if (slice > 0n) JSON.parse(storm.host.text(slice));
}

for (const seed of [1, 20_261_123]) {
  test(`${CALLS} random steps from seed ${seed}: never a trap, and the canary sings`, () => {
    const storm = new Storm(seed);
    for (let count = 0; count < CALLS; count++) {
      try {
        storm.step();
      } catch (error) {
        error.message = `step ${count}: ${error.message}`;
        throw error;
      }
      if (count % 5000 === 0) storm.assertCanary();
      if (count % 997 === 0) {
        for (const [handle, { position }] of storm.sessions) assert.equal(storm.host.position(handle), position);
      }
    }
    storm.assertCanary();
    assert.ok(storm.admitted > 100, `${storm.admitted} admitted`);
    for (const code of [
      'handle',
      'state',
      'argument',
      'offset',
      'window',
      'memory',
      'budget',
      'limit',
      'layout',
      'truncated',
      'trailing',
      'digest',
    ]) {
      assert.ok(storm.tally[STATUS[code]] > 0, `the storm met ${code}: ${JSON.stringify(storm.tally)}`);
    }
    for (const handle of storm.sessions.keys()) storm.host.release(handle);
    assert.equal(storm.host.admit(FILES[0], { sink: RESIDENT }).result, STATE.admitted);
  });
}

// Hosts that are careless, unlucky or hostile: every one gets an answer, and nobody else's model is touched.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256, words } from './support/digest.mjs';
import { fileOf, gguf, header } from './support/gguf.mjs';
import { Host, LIMIT, MIB, OPEN_WINDOW, RESIDENT, STATE, STATUS, VERIFY, content } from './support/host.mjs';
import { FILE } from './support/world.mjs';

const SINKS = [
  ['verify', VERIFY],
  ['resident', RESIDENT],
];
const BIG = gguf({
  tensors: [700_000, 5, 900_000].map((bytes, index) => ({ name: `t${index}`, type: 'I8', dims: [bytes] })),
});
const DIGEST = sha256(BIG);

/** A host with an admitted model that must come out as it went in. */
function withCanary(host = new Host()) {
  const canary = host.model(FILE, { sink: RESIDENT });
  host.exports.activate(canary);
  const look = () => [
    host.exports.active(),
    content(host.report(canary)),
    sha256(host.tensor(canary, 0)),
    sha256(host.tensor(canary, 2)),
  ];
  const before = look();
  return { host, e: host.exports, assertCanary: () => assert.deepEqual(look(), before) };
}

for (const [name, sink] of SINKS) {
  test(`${name}: a host whose memory grows before every call admits the file`, () => {
    const { host, assertCanary } = withCanary();
    let grown = 0;
    const growing = Object.fromEntries(
      Object.entries(host.exports).map(([call, export_]) => [
        call,
        typeof export_ !== 'function'
          ? export_
          : (...given) => {
              if (host.exports.memory.grow(1) >= 0) grown++;
              return export_(...given);
            },
      ]),
    );
    const eager = new Host(growing);
    const handle = eager.model(BIG, { sink, piece: () => 50_000 });
    assert.equal(eager.report(handle).digests.sha256, DIGEST);
    assert.ok(grown > 60);
    if (sink === RESIDENT)
      assert.equal(
        Buffer.compare(
          eager.view(growing.tensor(handle, 2)),
          BIG.subarray(BIG.dataStart + 700_032, BIG.dataStart + 1_600_032),
        ),
        0,
      );
    assertCanary();
  });

  test(`${name}: a host that writes through a stale view is told at the first chunk, and can go on`, () => {
    const { host, e, assertCanary } = withCanary();
    const handle = host.begin(BIG.length, sink);
    for (const end of [0, BIG.dataStart, BIG.dataStart + 100_000]) {
      host.feed(handle, BIG.subarray(0, end));
      const slice = e.window(handle);
      const stale = host.view(slice);
      e.memory.grow(1);
      assert.equal(stale.length, 0, 'the view has died');
      for (let at = 0; at < 1000; at++) stale[at] = BIG[end + at];
      assert.equal(e.push_chunk(handle, BigInt(end), 1000), STATUS.unwritten);
      assert.equal(host.position(handle), end);
      assert.equal(e.window(handle), slice);
    }
    host.feed(handle, BIG);
    assert.equal(e.finish(handle), STATE.admitted);
    assert.equal(host.report(handle).digests.sha256, DIGEST);
    assertCanary();
  });

  test(`${name}: a host that pushes bytes it never wrote gets another digest, not another's bytes`, () => {
    const { host, e, assertCanary } = withCanary();
    const lie = () => {
      const handle = host.begin(BIG.length, sink);
      e.expect_digest(handle, 1, ...words(DIGEST));
      host.feed(handle, BIG.subarray(0, BIG.dataStart));
      let result = STATE.receiving;
      for (let at = BIG.dataStart; at < BIG.length && result > 0;) {
        const slice = e.window(handle);
        const length = Math.min(Number(slice >> 32n), BIG.length - at);
        // Only the first 20 bytes are written; the rest is what the guest left there.
        host.view(slice).set(BIG.subarray(at, at + 20));
        if (sink === RESIDENT) assert.ok(host.view(slice).subarray(20).every(byte => byte === 0), 'initialised');
        result = e.push_chunk(handle, BigInt(at), length);
        at += length;
      }
      if (result > 0) result = e.finish(handle);
      const told = host.lastError();
      host.release(handle);
      return [result, told.found];
    };
    const first = lie();
    assert.equal(first[0], STATUS.digest);
    assert.deepEqual(lie(), first, 'the same lie again is the same answer');
    assertCanary();
  });

  for (const [fault, offsets] of [
    ['loses a chunk', at => at + 1000],
    ['doubles a chunk', at => at - 1000],
    ['starts again', () => 0],
    ['jumps', () => 2 ** 53 - 1],
  ]) {
    test(`${name}: a host that ${fault} gets offset with both numbers, and can go on`, () => {
      const { host, e, assertCanary } = withCanary();
      for (const end of [1000, BIG.dataStart + 5000]) {
        const handle = host.begin(-1, sink);
        if (end > BIG.headerBytes) host.feed(handle, BIG.subarray(0, end));
        // In the header of a long list of words, so that 1000 is inside.
        const file = end > BIG.headerBytes ? BIG : LONG_HEADER;
        host.feed(handle, file.subarray(0, end));
        const slice = e.window(handle);
        const offset = offsets(end);
        host.view(slice).set(file.subarray(offset, offset + 1000));
        assert.equal(e.push_chunk(handle, BigInt(offset), 1000), STATUS.offset);
        const { expected, found, kind, path } = host.lastError();
        assert.deepEqual(
          { expected, found, kind, path },
          { expected: String(end), found: String(offset), kind: 'misuse', path: null },
        );
        assert.equal(e.window(handle), slice);
        host.feed(handle, file);
        assert.equal(e.finish(handle), STATE.admitted);
        assert.equal(host.report(handle).digests.sha256, sha256(file));
      }
      assertCanary();
    });
  }

  test(`${name}: a host that never finishes blocks nobody, and its session ends with release`, () => {
    const { host, e, assertCanary } = withCanary();
    const idle = [0, 10, BIG.headerBytes, BIG.dataStart + 9, BIG.length].map(end => {
      const handle = host.begin(BIG.length, sink);
      host.feed(handle, BIG.subarray(0, end));
      return handle;
    });
    assert.equal(host.report(host.model(BIG, { sink })).digests.sha256, DIGEST);
    for (const handle of idle) host.release(handle);
    for (const handle of idle) assert.equal(e.position(handle), BigInt(STATUS.handle));
    assertCanary();
  });

  test(`${name}: two sessions in turns are two files`, () => {
    const { host, e } = withCanary();
    const files = [BIG, fileOf(1_300_001), FILE, LONG_HEADER];
    const sessions = files.map(file => [host.begin(file.length, sink), file]);
    for (let going = true; going;) {
      going = false;
      for (const [handle, file] of sessions) {
        const at = host.position(handle);
        if (at === file.length) continue;
        assert.ok(host.step(handle, file, at, 33_333).result > 0);
        going = true;
      }
    }
    for (const [handle, file] of sessions) {
      assert.equal(e.finish(handle), STATE.admitted);
      assert.equal(host.report(handle).digests.sha256, sha256(file));
    }
  });
}

const LONG_HEADER = gguf({
  entries: [['words', 'array', ['string', Array.from({ length: 500 }, (_, index) => `word ${index}`)]]],
  tensors: [{ name: 'x', type: 'F32', dims: [10] }],
});

test('a bad magic is known after 4 bytes, and not before', () => {
  for (const bad of ['GGUG', 'FUGG', 'XGUF', '\0\0\0\0']) {
    const bytes = new TextEncoder().encode(bad);
    const host = new Host();
    for (const length of [-1, 1000]) {
      const handle = host.begin(length);
      assert.equal(host.feed(handle, bytes), STATUS.magic);
      const slow = host.begin(length);
      assert.equal(host.feed(slow, bytes.subarray(0, 3), () => 1), STATE.open);
      assert.equal(host.feed(slow, bytes), STATUS.magic);
      assert.equal(host.position(slow), 3);
    }
  }
});

test('a tensor table that lies is rejected in the push that completes it', () => {
  const tensors = [
    { name: 'a', type: 'F32', dims: [64] },
    { name: 'b', type: 'F32', dims: [64] },
  ];
  const far = header({
    tensors: [
      { name: 'a', type: 'F32', dims: [64] },
      { name: 'b', type: 'I8', dims: [1_000_000] },
    ],
  });
  const lies = [
    ['layout', header({ tensors: [tensors[0], { ...tensors[1], offset: 255 }] }), -1],
    ['layout', header({ tensors: [tensors[0], { ...tensors[1], offset: 0 }] }), -1],
    ['layout', header({ tensors: [tensors[0], { ...tensors[1], offset: 2n ** 64n - 32n }] }), -1],
    ['truncated', far, 10_000],
    ['trailing', header({ tensors }), 10_000],
  ];
  for (const [code, { bytes, at }, length] of lies) {
    for (const piece of [() => 1, () => 8, undefined]) {
      const host = new Host();
      const handle = host.begin(length);
      assert.ok(host.feed(handle, bytes.subarray(0, bytes.length - 1), piece) > 0);
      assert.equal(host.feed(handle, bytes), STATUS[code]);
      assert.equal(host.position(handle), bytes.length - 1);
      if (code !== 'trailing') assert.equal(host.lastError().offset, at['tensors[1].offset']);
      assert.equal(host.report(handle).state, 'failed');
    }
  }
});

/** Files of at most 160 bytes that ask for gigabytes, each in its way. */
const GREEDY = {
  'a tensor of 4 GiB': header({ entries: [['k', 'u32', 1]], tensors: [{ name: 'big', type: 'I8', dims: [2 ** 32] }] })
    .bytes,
  'a tensor of 2 GiB': header({
    entries: [['k', 'u32', 1]],
    tensors: [{ name: 'big', type: 'I8', dims: [2 ** 31 - 32] }],
  }).bytes,
  'a million tensors': header({ tensorCount: 1_000_000, tensors: [{ name: 'a', type: 'F32', dims: [1] }] }).bytes,
  'an array of 512 MiB': patched(
    header({ entries: [['k', 'array', ['u64', []]]] }).bytes,
    bytes => bytes.length - 8,
    64 * MIB - 1,
  ),
  'an array of 67 million strings': patched(
    header({ entries: [['k', 'array', ['string', []]]] }).bytes,
    bytes => bytes.length - 8,
    64 * MIB - 1,
  ),
  'a string of 64 MiB': patched(header({ entries: [['k', 'string', 'x']] }).bytes, bytes => bytes.length - 9, 64 * MIB),
  'a key of 60 KiB': patched(header({ entries: [['k', 'u8', 1]] }).bytes, () => 24, 60_000),
};

function patched(bytes, at, value) {
  new DataView(bytes.buffer).setBigUint64(at(bytes), BigInt(value), true);
  return bytes;
}

/** How far memory grew while `bytes` were admitted and refused; what a session that saw the whole header held. */
function cost(bytes, sink, length) {
  const host = new Host();
  const before = host.memoryBytes;
  const handle = host.begin(length, sink, {
    limits: { header_bytes: 256 * MIB, tensors: 1_048_576, array_items: 64 * MIB, string_bytes: 64 * MIB },
  });
  const result = host.feed(handle, bytes);
  const held = result === STATE.header_ready ? host.report(handle).memory.held : 0;
  if (result > 0) assert.ok(host.exports.finish(handle) < 0);
  assert.equal(host.report(handle).state, 'failed');
  return { held, grown: host.memoryBytes - before };
}

for (const [what, bytes] of Object.entries(GREEDY)) {
  test(`a file of ${bytes.length} bytes that declares ${what} does not grow memory, and holds 128 KiB at most`, () => {
    assert.ok(bytes.length <= 160);
    for (const [, sink] of SINKS) {
      for (const length of [-1, 2 ** 40]) {
        const { held, grown } = cost(bytes, sink, length);
        assert.ok(held <= 128 * 1024, `${held} held`);
        assert.equal(grown, 0);
      }
    }
  });
}

test('a thousand lies in the tensor and entry counts cost nothing', () => {
  const host = new Host();
  const before = host.memoryBytes;
  for (let round = 0; round < 1000; round++) {
    const { bytes } = header({ tensorCount: 60_000 + round, entries: [['k', 'u32', round]] });
    const { handle, result } = host.admit(bytes, { sink: RESIDENT, length: -1 });
    assert.equal(result, STATUS.truncated);
    host.release(handle);
  }
  assert.equal(host.memoryBytes, before);
});

test('a rejection frees everything at once: with sessions failed and not released, memory stays', () => {
  const host = new Host();
  const bad = BIG.slice();
  bad[bad.length - 1] ^= 1;
  const limits = {};
  const fail = () => {
    const handle = host.begin(bad.length, RESIDENT, { limits });
    host.exports.expect_digest(handle, 1, ...words(DIGEST));
    host.feed(handle, bad);
    assert.ok(host.exports.finish(handle) < 0);
  };
  fail();
  const before = host.memoryBytes;
  for (let round = 0; round < 60; round++) fail();
  assert.equal(host.memoryBytes, before);
});

test('while the header comes in a session holds little more than the header and one window', () => {
  const host = new Host();
  const before = host.memoryBytes;
  const handle = host.begin(-1, RESIDENT);
  host.feed(handle, BIG.subarray(0, BIG.headerBytes));
  const { held } = host.report(handle).memory;
  assert.ok(held <= OPEN_WINDOW + BIG.headerBytes + 64 * 1024, `${held}`);
  assert.equal(host.memoryBytes, before, 'nothing of tensor size');
  assert.equal(host.exports.limit(handle, LIMIT.memory, -1n), BigInt(4096 * MIB - 16 * MIB));
});

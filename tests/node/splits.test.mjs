// However a file is cut, the report, the digest and the rejection are the same.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cases } from './support/corpus.mjs';
import { gguf } from './support/gguf.mjs';
import { Host, RESIDENT, STATE, VERIFY, content } from './support/host.mjs';
import { Random } from './support/random.mjs';

const CASES = cases();
const ONLY = { verify: [VERIFY], resident: [RESIDENT] };
const host = new Host();

/** What the file amounts to when it comes in such pieces: content, tensors and all, or the whole rejection. */
function outcome(bytes, options) {
  const admission = host.admit(bytes, options);
  const report = host.report(admission.handle);
  const tensors =
    options.sink === RESIDENT && admission.result === STATE.admitted
      ? report.tensors.map((_, index) =>
          Buffer.from(host.view(host.exports.tensor(admission.handle, index))).toString('latin1'),
        )
      : [];
  host.release(admission.handle);
  return report.error ? JSON.stringify(report.error) : JSON.stringify([content(report), report.length, tensors]);
}

/** First `first` bytes, then the rest as the windows allow. */
const cutAt = first => {
  let pushed = 0;
  return () => (pushed++ ? Infinity : first);
};

function* variants({ bytes, limits, sink }) {
  for (const way of sink === 'resident' ? ONLY.resident : [VERIFY, RESIDENT]) {
    for (const length of bytes.length ? [bytes.length, -1] : [-1]) yield { sink: way, limits, length };
  }
}

test('a small corpus file cut in two at any byte has the same outcome', () => {
  for (const entry of CASES.filter(({ bytes }) => bytes.length <= 200)) {
    for (const options of variants(entry)) {
      const whole = outcome(entry.bytes, options);
      for (let at = 1; at < entry.bytes.length; at++) {
        assert.equal(outcome(entry.bytes, { ...options, piece: cutAt(at) }), whole, `${entry.name} cut at ${at}`);
      }
    }
  }
});

test('a corpus file in pieces of one byte has the same outcome', () => {
  for (const entry of CASES.filter(({ bytes }) => bytes.length <= 4096)) {
    for (const options of variants(entry)) {
      assert.equal(outcome(entry.bytes, { ...options, piece: () => 1 }), outcome(entry.bytes, options), entry.name);
    }
  }
});

test('a corpus file in random pieces has the same outcome', () => {
  const random = new Random(2024);
  for (const entry of CASES) {
    for (const options of variants(entry)) {
      const whole = outcome(entry.bytes, options);
      for (const most of [3, 17, 1000, 70_000]) {
        if (most * 20_000 < entry.bytes.length) continue;
        assert.equal(
          outcome(entry.bytes, { ...options, piece: () => 1 + random.upTo(most) }),
          whole,
          `${entry.name}, pieces up to ${most}`,
        );
      }
    }
  }
});

test('windows of any size give the same outcome', () => {
  const file = gguf({
    entries: [['words', 'array', ['string', Array.from({ length: 30_000 }, (_, index) => `word ${index}`)]]],
    tensors: [
      ['a', 100_000],
      ['b', 31],
      ['c', 700_000],
      ['d', 1],
    ].map(([name, bytes]) => ({ name, type: 'I8', dims: [bytes] })),
  });
  const broken = file.slice();
  broken[file.dataStart + 100_000 + 32 + 40] ^= 0xff;
  broken[file.length - 1] = 1;
  for (const bytes of [file, broken, file.subarray(0, file.length - 40), file.subarray(0, file.headerBytes - 1)]) {
    for (const sink of [VERIFY, RESIDENT]) {
      for (const length of [file.length, -1]) {
        const whole = outcome(bytes, { sink, length, limits: { window: 64 << 20 } });
        for (const window of [4096, 5000, 65_536, 65_537, 1 << 20]) {
          assert.equal(outcome(bytes, { sink, length, limits: { window } }), whole);
          assert.equal(outcome(bytes, { sink, length, limits: { window }, piece: () => 4097 }), whole);
        }
      }
    }
  }
});

test('a vocabulary of 262,144 entries in pieces of 64 bytes has the same outcome', () => {
  const file = gguf({
    entries: [['tokens', 'array', ['string', Array.from({ length: 262_144 }, (_, index) => `t${index}`)]]],
    tensors: [{ name: 'x', type: 'F32', dims: [8] }],
  });
  for (const sink of [VERIFY, RESIDENT]) {
    const options = { sink, length: file.length };
    assert.equal(outcome(file, { ...options, piece: () => 64 }), outcome(file, options));
  }
});

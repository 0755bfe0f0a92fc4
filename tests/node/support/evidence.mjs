// Files of one group to three, sessions that compute their evidence, and groups that are lent and proven.

import assert from 'node:assert/strict';
import { naive } from './blake3.mjs';
import { fileOf } from './gguf.mjs';
import { MIB, VERIFY } from './host.mjs';

/** The mask of digests: BLAKE3 and evidence. */
export const EVIDENCE = 6;
/** Bytes of a value. */
export const VALUE = 32;

export const FILES = [4096, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 5000].map(length => fileOf(length));
/** What the naive BLAKE3 says of each. */
export const NAIVE = naive(FILES);
/** The index of the file of two groups and a bit. */
export const LONG = FILES.length - 1;

export const groupsOf = file => Math.ceil(file.length / MIB);
export const groupOf = (file, group) => file.subarray(group * MIB, (group + 1) * MIB);

/** A session that computes evidence, and expects the first `expected` of `values`. */
export function open(host, file, options = {}) {
  const { length = file.length, sink = VERIFY, expected = 0, values, digests = EVIDENCE } = options;
  const handle = host.begin(length, sink, { digests });
  if (expected > 0) {
    const room = host.view(host.exports.expect_evidence(handle, expected));
    assert.equal(room.length, VALUE * expected);
    assert.ok(room.every(byte => byte === 0), 'it is zeroed');
    room.set(values.subarray(0, VALUE * expected));
  }
  return handle;
}

export const evidenceOf = (host, handle) => host.bytes(host.exports.evidence(handle));

/** Lends a group, fills it, and asks. */
export function prove(host, handle, group, bytes) {
  const room = host.view(host.exports.lend_group(handle, group));
  assert.ok(room.every(byte => byte === 0), 'it is zeroed');
  assert.equal(room.length, bytes.length);
  room.set(bytes);
  return host.exports.check_group(handle, group, bytes.length);
}

export const wrongAt = (values, group) => values.map((byte, at) => (at === VALUE * group + 3 ? byte ^ 4 : byte));

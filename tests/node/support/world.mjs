// One session in a chosen place of its life, among bystanders that no call on it may touch.

import assert from 'node:assert/strict';
import { Host, LIMIT, RESIDENT, STATE, VERIFY, content } from './host.mjs';
import { smallFile } from './gguf.mjs';
import { sha256 } from './digest.mjs';

export const FILE = smallFile(1);
const OTHER = smallFile(2);

const begin = (host, sink) => host.begin(FILE.length, sink);

function pushed(host, handle, end) {
  assert.ok(host.feed(handle, FILE.subarray(0, end)) > 0);
  return handle;
}

/** Lends a window and fills it with what comes next. */
function lent(host, handle) {
  const at = host.position(handle);
  const window = host.view(host.exports.window(handle));
  window.set(FILE.subarray(at, at + window.length));
  return handle;
}

function receiving(host, sink) {
  const handle = lent(host, pushed(host, begin(host, sink), FILE.headerBytes));
  assert.equal(host.exports.push_chunk(handle, BigInt(FILE.headerBytes), 20), STATE.receiving);
  return handle;
}

/** How to get to each place. The state that the place is in is the first word of its name. */
export const PLACES = {
  'stale': host => {
    const handle = begin(host, VERIFY);
    host.release(handle);
    return handle;
  },
  'open': host => begin(host, RESIDENT),
  'open lent': host => lent(host, begin(host, RESIDENT)),
  'open begun': host => pushed(host, begin(host, RESIDENT), 20),
  'header_ready': host => pushed(host, begin(host, VERIFY), FILE.headerBytes),
  'header_ready resident': host => pushed(host, begin(host, RESIDENT), FILE.headerBytes),
  'header_ready whole': host => pushed(host, begin(host, RESIDENT), FILE.length),
  'receiving': host => receiving(host, VERIFY),
  'receiving lent': host => lent(host, receiving(host, VERIFY)),
  'receiving resident': host => lent(host, receiving(host, RESIDENT)),
  'admitted': host => host.model(FILE, { sink: VERIFY }),
  'admitted resident': host => host.model(FILE, { sink: RESIDENT }),
  'failed': host => host.admit(FILE.subarray(0, 40), { sink: RESIDENT }).handle,
};

export const stateOf = place => (place === 'stale' ? 'none' : place.split(' ')[0]);

const isLent = place => place.endsWith('lent') || place === 'receiving resident';

export class World {
  constructor(place, host = new Host()) {
    this.place = place;
    this.host = host;
    this.model = host.model(OTHER, { sink: RESIDENT });
    assert.equal(host.exports.activate(this.model), STATE.admitted);
    this.other = host.begin(OTHER.length, RESIDENT);
    assert.equal(host.feed(this.other, OTHER.subarray(0, 50)), STATE.open);
    host.view(host.exports.window(this.other)).set(OTHER.subarray(50));
    this.handle = PLACES[place](host);
    // Taken while the window is lent: to ask for it again is allowed and gives the same.
    if (isLent(place)) this.slice = host.exports.window(this.handle);
    this.before = this.#look();
    this.bystandersBefore = this.#lookAtBystanders();
  }

  #look() {
    const { host, handle, place } = this;
    if (place === 'stale') return { position: host.exports.position(handle) };
    return {
      position: host.exports.position(handle),
      report: host.reportText(handle),
      limits: Object.values(LIMIT).map(id => host.exports.limit(handle, id, -1n)),
      window: this.slice && Buffer.from(host.bytes(this.slice)).toString('latin1'),
    };
  }

  #lookAtBystanders() {
    const { host, model, other } = this;
    const window = host.exports.window(other);
    return {
      active: host.exports.active(),
      model: host.reportText(model),
      tensors: [0, 1, 2].map(index => sha256(host.tensor(model, index))),
      session: host.reportText(other),
      window: [window, Buffer.from(host.bytes(window)).toString('latin1')],
    };
  }

  /** The session is as it was, and a right host can still end it well. */
  assertUnchanged() {
    assert.deepEqual(this.#look(), this.before);
    const { host, handle, place, slice } = this;
    if (slice) assert.equal(host.exports.window(handle), slice, 'the window is still lent');
    if (!['open', 'header_ready', 'receiving'].includes(stateOf(place))) return;
    assert.ok(host.feed(handle, FILE) >= 0, 'the rest can be pushed');
    assert.equal(host.exports.finish(handle), STATE.admitted);
    assert.equal(host.report(handle).digests.sha256, sha256(FILE));
  }

  /** Nothing else was touched; the other session can still end well. */
  assertBystandersUnchanged(activeNow = this.bystandersBefore.active) {
    assert.deepEqual(this.#lookAtBystanders(), { ...this.bystandersBefore, active: activeNow });
    const { host, other } = this;
    assert.ok(host.feed(other, OTHER) >= 0);
    assert.equal(host.exports.finish(other), STATE.admitted);
    assert.deepEqual(content(host.report(other)), content(host.report(this.model)));
  }
}

const DETAIL = ['status', 'code', 'kind', 'state', 'offset', 'path', 'message', 'expected', 'found'];
const KINDS = ['misuse', 'retry', 'rejected', 'rejected'];

/** `last_error` tells of `status` by the fixed schema. */
export function assertDetail(host, status, code, state) {
  const detail = host.lastError();
  assert.deepEqual(Object.keys(detail), DETAIL);
  assert.equal(detail.status, status);
  assert.equal(detail.code, code);
  assert.equal(detail.kind, KINDS[-status >> 4]);
  assert.equal(detail.state, state);
  assert.ok(typeof detail.message === 'string' && detail.message.length > 0);
  for (const name of ['expected', 'found']) assert.ok(detail[name] === null || typeof detail[name] === 'string', name);
  if (detail.kind === 'misuse') {
    assert.equal(detail.path, null);
    if (!['offset', 'unwritten'].includes(code)) assert.equal(detail.offset, null);
  }
  return detail;
}

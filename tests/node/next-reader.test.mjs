// Sets and profiles of the corpus through the module, against what was stated by hand and what the oracle reads.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { profiles, sets } from './support/corpus.mjs';
import { Host, RESIDENT, STATE, STATUS, VERIFY } from './support/host.mjs';

const SINKS = [['verify', VERIFY], ['resident', RESIDENT]];
const LLAMA = 1;
const [OFF, REPORT, REFUSE] = [0, 1, 2];

/** Pushes pieces of the file until its header is ready, or refused. */
function toHeader(host, handle, bytes, most = Infinity) {
  let state = STATE.open;
  for (let at = host.position(handle); state === STATE.open; at = host.position(handle)) {
    state = host.step(handle, bytes, at, most).result;
  }
  return state;
}

for (const { name, about, bytes, findings, listed } of profiles()) {
  test(`what llama finds, whatever the pieces: ${name}: ${about}`, () => {
    const host = new Host();
    for (const [, sink] of SINKS) {
      for (const most of [1, 7, Infinity]) {
        const judge = level => {
          const handle = host.begin(bytes.length, sink);
          assert.equal(host.exports.profile(handle, LLAMA, level), STATE.open);
          return { handle, state: toHeader(host, handle, bytes, most) };
        };
        const off = judge(OFF);
        assert.ok(!('findings' in host.report(off.handle)));
        const told = judge(REPORT);
        assert.equal(told.state, STATE.header_ready);
        const report = host.report(told.handle);
        assert.equal(report.findingsCount, findings.length);
        assert.equal(report.findings.length, listed);
        const expected = findings.filter((finding, at) =>
          findings.slice(0, at).filter(([rule]) => rule === finding[0]).length < 6);
        assert.deepEqual(report.findings.map(({ rule, level, path, offset }) => [rule, level, path, offset]), expected);
        const refused = judge(REFUSE);
        const first = findings.find(([, level]) => level === 'error');
        if (first) {
          assert.equal(refused.state, STATUS.profile);
          const { code, path, offset, message } = host.report(refused.handle).error;
          assert.deepEqual([code, path, offset, message.slice(0, 4)], ['profile', first[2], first[3], `${first[0]}: `]);
        } else {
          assert.equal(refused.state, STATE.header_ready);
        }
        for (const { handle } of [off, told, refused]) host.release(handle);
      }
    }
  });
}

/** Joins the shards in an order, each as `make` makes it, and tells what each answered. */
function joined(host, handles) {
  const before = [];
  return handles.map(handle => {
    const result = host.exports.join(handle, handles[0]);
    if (result > 0) {
      before.push(handle);
      return null;
    }
    const texts = before.map(handle => host.reportText(handle));
    const { error } = host.report(handle);
    assert.equal(result, STATUS[error?.code ?? 'state']);
    assert.deepEqual(before.map(handle => host.reportText(handle)), texts);
    return [error?.code ?? 'state', error?.offset ?? null, error?.path ?? null];
  });
}

for (const { name, about, rules, shards, orders } of sets()) {
  test(`rule ${rules}, at the header and when admitted, in every order: ${name}: ${about}`, () => {
    for (const [, sink] of SINKS) {
      for (const isWhole of [false, true]) {
        const host = new Host();
        for (const { order, joins } of orders) {
          const handles = order.map(place => {
            const bytes = shards[place];
            if (isWhole) return host.model(bytes, { sink });
            const handle = host.begin(bytes.length, sink);
            assert.equal(toHeader(host, handle, bytes), STATE.header_ready);
            return handle;
          });
          assert.deepEqual(joined(host, handles), joins, order.join());
          const numbers = joins.flatMap((told, at) => (told === null ? [host.report(handles[at]).set.no] : []));
          const { set } = host.report(handles[0]);
          assert.deepEqual(set?.joined ?? [], numbers.sort((one, other) => one - other));
          const isSet = set !== undefined && numbers.length === set.count;
          const activated = isWhole && joins[0] === null && isSet ? STATE.admitted : STATUS.state;
          if (joins[0] === null) assert.equal(host.exports.activate(handles[0]), activated);
          for (const handle of handles) host.release(handle);
        }
      }
    }
  });
}

test('the shard is looked at before its lead, its handle before its state', () => {
  const host = new Host();
  const { shards: [lead, second] } = sets().find(({ name }) => name === 'set_good');
  const open = host.begin(lead.length);
  const ready = host.begin(second.length);
  toHeader(host, ready, second);
  const alone = host.model(lead);
  const failed = host.begin(4);
  assert.equal(host.feed(failed, Buffer.from('GGML')), STATUS.magic);
  const { handle, state } = STATUS;
  for (const [shard, to, answer] of [
    [0, alone, handle], [99_999, 88_888, handle], [ready, 0, handle], [ready, 88_888, handle],
    [open, 88_888, state], [failed, 88_888, state], [open, alone, state], [failed, alone, state],
    [ready, open, state], [ready, failed, state], [ready, alone, state], [open, open, state], [failed, failed, state],
  ]) {
    const texts = [open, ready, alone, failed].map(each => host.reportText(each));
    assert.equal(host.exports.join(shard, to), answer, `${shard} ${to}`);
    assert.deepEqual([open, ready, alone, failed].map(each => host.reportText(each)), texts);
  }
  assert.equal(host.exports.join(alone, alone), STATE.admitted);
  assert.equal(host.exports.join(alone, alone), state, 'joined already');
  assert.equal(host.exports.join(ready, alone), STATE.header_ready);
  assert.equal(host.exports.join(ready, alone), state);
  assert.equal(host.exports.join(alone, ready), state);
});

// A trap at every export in turn, in a module built for that: afterwards every call says `poisoned`, a new instance
// works.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { smallFile } from './support/gguf.mjs';
import { Host, RESIDENT, STATE } from './support/host.mjs';
import { GUEST, V1_ONLY, compile, project } from './support/modules.mjs';
import { V1Host } from './support/v1.mjs';

const FAULT = project('target/wasm/fault.wasm');
const FILE = smallFile(1);
const VERSION = 0x0002_0001;

const functions = path =>
  WebAssembly.Module.exports(compile(path))
    .filter(({ kind }) => kind === 'function')
    .map(({ name }) => name);

/** An instance in the middle of its work: a model is active, a window is lent, a transfer is written. */
class Scene {
  constructor() {
    this.host = new Host(new WebAssembly.Instance(compile(FAULT), {}).exports);
    const { exports: e } = this.host;
    this.model = this.host.model(FILE, { sink: RESIDENT });
    assert.equal(e.activate(this.model), STATE.admitted);
    this.session = this.host.begin(FILE.length, RESIDENT);
    this.host.view(e.window(this.session)).set(FILE.subarray(0, 100));
    this.transfer = e.alloc(FILE.length) >>> 0;
    this.view(this.transfer).set(FILE);
    this.texts = this.#texts();
  }

  view(ptr) {
    return new Uint8Array(this.host.exports.memory.buffer, ptr, FILE.length);
  }

  #texts() {
    const v1 = new V1Host(this.host.exports);
    return [v1.resultText(), v1.diagnosticsText()];
  }

  /** A call that each export would answer well, and what it answers once the instance is poisoned. */
  calls() {
    const { host: { exports: e }, model, session, transfer } = this;
    return {
      abi_version: [() => e.abi_version(), VERSION],
      activate: [() => e.activate(model), -64],
      active: [() => e.active(), -64],
      alloc: [() => e.alloc(1000), 0],
      begin: [() => e.begin(-1n, 1), -64],
      check_group: [() => e.check_group(session, 0, 1), -64],
      dealloc: [() => e.dealloc(transfer, FILE.length), undefined],
      digests: [() => e.digests(session, 3), -64],
      evidence: [() => e.evidence(session), -64n],
      expect_digest: [() => e.expect_digest(session, 1, 1n, 2n, 3n, 4n), -64],
      expect_evidence: [() => e.expect_evidence(session, 1), -64n],
      finish: [() => e.finish(session), -64],
      free_model: [() => e.free_model(), 64],
      get_diagnostics_len: [() => e.get_diagnostics_len(), POISONED.length],
      get_diagnostics_ptr: [() => this.#constant(e.get_diagnostics_ptr()), POISONED],
      init_runtime: [() => e.init_runtime(), 64],
      last_error: [() => e.last_error(), -64n],
      last_result_len: [() => e.last_result_len(), POISONED.length],
      last_result_ptr: [() => this.#constant(e.last_result_ptr()), POISONED],
      lend_group: [() => e.lend_group(session, 0), -64n],
      limit: [() => e.limit(session, 1, -1n), -64n],
      load_model: [() => e.load_model(transfer, FILE.length), 64],
      metadata: [() => e.metadata(model, 0), -64n],
      position: [() => e.position(session), -64n],
      push_chunk: [() => e.push_chunk(session, 0n, 100), -64],
      release: [() => e.release(session), -64],
      report: [() => e.report(model), -64n],
      tensor: [() => e.tensor(model, 0), -64n],
      window: [() => e.window(session), -64n],
      join: [() => e.join(session, session), -64],
      profile: [() => e.profile(session, 1, 2), -64],
    };
  }

  #constant(ptr) {
    return new TextDecoder().decode(new Uint8Array(this.host.exports.memory.buffer, ptr >>> 0, POISONED.length));
  }

  /** Every export answers as in the contract, twice, and writes nothing: neither call nor texts free what is there. */
  assertPoisoned() {
    const { memory } = this.host.exports;
    const pages = memory.buffer.byteLength;
    for (const round of ['first', 'again']) {
      for (const [name, [call, answer]] of Object.entries(this.calls())) {
        assert.equal(call(), answer, `${name}, ${round}`);
      }
    }
    assert.equal(memory.buffer.byteLength, pages);
    assert.deepEqual(this.view(this.transfer), new Uint8Array(FILE), 'the transfer was not freed');
  }
}

const POISONED =
  '{"abi":"1","call":"none","status":64,"code":"poisoned","offset":null,"path":null,' +
  '"message":"an earlier call trapped"}';

test('every export is called here, and the shipped modules have no fault', () => {
  const known = [...Object.keys(new Scene().calls())].sort();
  assert.deepEqual(functions(FAULT).filter(name => name !== 'fault').sort(), known);
  assert.deepEqual(functions(GUEST).sort(), known);
  assert.ok(!functions(V1_ONLY).includes('fault'));
});

test('without a fault the scene is whole: each of its calls is answered', () => {
  const scene = new Scene();
  for (const [name, [call, answer]] of Object.entries(scene.calls())) {
    if (!['abi_version', 'dealloc'].includes(name)) assert.notEqual(call(), answer, name);
  }
});

for (const name of Object.keys(new Scene().calls())) {
  // It reads a constant and enters nothing, so nothing can be caught inside.
  if (name === 'abi_version') continue;
  test(`a trap inside ${name}: every later call says poisoned`, () => {
    const scene = new Scene();
    const call = scene.calls()[name][0];
    scene.host.exports.fault(1);
    assert.throws(call, WebAssembly.RuntimeError);
    scene.assertPoisoned();
    const fresh = new Scene();
    assert.equal(fresh.host.admit(FILE, { sink: RESIDENT }).result, STATE.admitted, 'a new instance works');
    assert.equal(new V1Host(fresh.host.exports).load(FILE), 0);
  });
}

test('a trap at every call of a whole admission', () => {
  for (let n = 1; ; n++) {
    const scene = new Scene();
    scene.host.exports.fault(n);
    let trapped = false;
    try {
      const handle = scene.host.model(FILE, { sink: RESIDENT, piece: () => 500 });
      scene.host.report(handle);
      scene.host.release(handle);
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      trapped = true;
    }
    if (!trapped) {
      assert.ok(n > 5, 'every call of it was tried');
      break;
    }
    scene.assertPoisoned();
  }
});

test('a fault can be disarmed, and abi_version counts as no call', () => {
  const { host } = new Scene();
  host.exports.fault(1);
  assert.equal(host.exports.abi_version(), VERSION);
  host.exports.fault(0);
  assert.equal(host.admit(FILE).result, STATE.admitted);
});

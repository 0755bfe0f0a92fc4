import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Guest, loadGuest } from '../../index.js';

const SLOTS = 64;
const module = new URL('../../guest.wasm', import.meta.url);
const v1Module = new URL('../../../target/wasm/abi-v1.wasm', import.meta.url);

/** The combined module. */
export const freshGuest = () => loadGuest();

/** Calls and digests of ABI 2.1. */
const NEWER = ['evidence', 'expect_evidence', 'lend_group', 'check_group', 'profile', 'join'];

/** The combined module as if it spoke ABI 2.0: it computes no evidence. */
export function olderGuest() {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(module)), {});
  const older = Object.fromEntries(Object.entries(exports).filter(([name]) => !NEWER.includes(name)));
  const digests = (/** @type {number} */ handle, /** @type {number} */ mask) =>
    /** @type {any} */ (exports).digests(handle, mask > 3 ? -1 : mask);
  return new Guest({ ...older, abi_version: () => 0x2_0000, digests });
}

/** The exports of the module that speaks ABI v1 only. */
export const v1Exports = () => new WebAssembly.Instance(new WebAssembly.Module(readFileSync(v1Module)), {}).exports;

/**
 * Every slot but those of `models` can be had: no session is left.
 *
 * @param {Guest} guest
 * @param {number} [models]
 */
export function assertNoSession(guest, models = 0) {
  /** @type {number[]} */
  const handles = [];
  try {
    for (let index = 0; index < SLOTS - models; index++) handles.push(guest.begin(undefined, 'verify'));
  } finally {
    handles.forEach(handle => guest.release(handle));
  }
  assert.equal(handles.length, SLOTS - models);
}

/**
 * The error that `act` ends in.
 *
 * @param {Promise<unknown> | (() => unknown)} act
 * @returns {Promise<any>}
 */
export async function faultOf(act) {
  try {
    await (typeof act === 'function' ? act() : act);
  } catch (error) {
    return error;
  }
  assert.fail('nothing was thrown');
}

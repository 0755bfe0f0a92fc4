// What the package shows stays as it is listed. `cargo xtask build --bless` lists it anew: the diff shows a change.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GOLDEN } from './support/golden.js';
import { textOf } from './support/repository.js';

for (const [file, found] of Object.entries(GOLDEN)) {
  test(`${file} lists what there is`, () => assert.equal(found(), textOf(file)));
}

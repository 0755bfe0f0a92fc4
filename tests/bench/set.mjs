// `set.mjs [--quick]`: what a set of shards costs beside the whole file, and a profile beside the parse without it.
// The rows are part of bench.mjs too.
import { existsSync, readFileSync } from 'node:fs';
import { split } from '../node/support/split.mjs';
import { realFile } from './file.mjs';
import { Guest, NONE } from './guest.mjs';
import { printTable, ratio } from './measure.mjs';

const REAL = new URL('../../target/models/gemma-3-270m-q4_k_m.gguf', import.meta.url);
/** Where the real model's data starts: all before is header. */
export const REAL_HEADER = 6_525_112;
const SHARDS = 3;
const OFF = 0;
const REFUSE = 2;

/** The real model in three files. @param {import('./file.mjs').File} real @returns {import('./file.mjs').File[]} */
export function shardsOf(real) {
  const bytes = readFileSync(REAL);
  return split(bytes, real.length, SHARDS).map(({ head, from, to }) => ({
    length: head.length + to - from,
    fill(view, at) {
      const isHead = at < head.length;
      const source = isHead ? head.subarray(at) : bytes.subarray(from + at - head.length, to);
      const count = Math.min(view.length, source.length);
      view.set(source.subarray(0, count));
      return count;
    },
  }));
}

/**
 * @param {Guest} guest
 * @param {import('./file.mjs').File} real
 * @returns {[what: string, most: number | null, work: () => void, base: () => void][]}
 */
export function comparisons(guest, real) {
  const shards = shardsOf(real);
  const header = { end: REAL_HEADER, digests: NONE };
  return [
    ['real model in 3 shards, SHA-256 verify / as one file', 1.05, () => guest.set(shards), () => guest.v2(real)],
    [
      'real header, profile at level refuse / without a profile', 2.5,
      () => guest.v2(real, { ...header, profile: REFUSE }),
      () => guest.v2(real, header),
    ],
    [
      'real header, profile off / without a profile', null,
      () => guest.v2(real, { ...header, profile: OFF }),
      () => guest.v2(real, header),
    ],
  ];
}

/** What a set takes of guest memory beside the whole file, each in a guest of its own: bytes. */
export function memoryOfSet(real, window = 1 << 20) {
  const [one, set] = [new Guest(), new Guest()];
  one.v2(real, { window });
  set.set(shardsOf(real), { window });
  return { one: one.memoryBytes, set: set.memoryBytes, most: one.memoryBytes + 2 * window };
}

if (import.meta.url === new URL(process.argv[1], 'file:').href) {
  if (!existsSync(REAL)) throw new Error('no model: cargo xtask model');
  const real = realFile(REAL);
  const pairs = process.argv.includes('--quick') ? 3 : 15;
  printTable(['what', 'ratio', 'wanted at most', 'middle half', 'A/A', 'ms'],
    comparisons(new Guest(), real).map(([what, most, work, base]) => {
      const { ratio: found, spread, same, seconds } = ratio(work, base, pairs);
      const middle = spread.map(value => value.toFixed(3)).join(' to ');
      return [what, found.toFixed(3), most ?? '-', middle, same.toFixed(3), (seconds * 1e3).toFixed(1)];
    }));
  const { one, set, most } = memoryOfSet(real);
  const mib = bytes => (bytes / 2 ** 20).toFixed(2);
  console.log(`guest memory, verify: ${mib(one)} MiB as one file, ${mib(set)} in 3 shards; at most ${mib(most)}`);
}

// `against.mjs MODULE [PART] [PAIRS]`: the rows of bench.mjs, with the module of this build and with that of another
// one, which is `target/wasm/runtime.wasm` of a working tree built there. PART chooses rows by part of their name. The
// four works of a row take turns in one process, so that what else the machine does falls on all of them.
import { Guest } from './guest.mjs';
import { median, printTable, seconds } from './measure.mjs';
import { rowsOf } from './rows.mjs';

const [module, part = '', pairs = '15'] = process.argv.slice(2);
if (module === undefined) throw new Error('against.mjs MODULE [PART] [PAIRS]: no module');
// A measurement of CPU time below this is repeated: the clock counts in microseconds, what else runs in milliseconds.
const LEAST_SECONDS = 0.02;

const before = rowsOf(new Guest(module));
const lines = [];
const absent = [];
for (const [index, { what, work, base, long }] of rowsOf(new Guest()).entries()) {
  if (!what.includes(part)) continue;
  const old = before[index];
  const unknown = refusalOf(old.work);
  if (unknown !== null) {
    absent.push(`${what}: ${unknown}`);
    continue;
  }
  [old.base, work, base].forEach(act => act());
  const times = Math.ceil(LEAST_SECONDS / seconds(work));
  const took = act => seconds(() => { for (let run = 0; run < times; run += 1) act(); });
  const turns = Array.from({ length: long ? Math.min(3, Number(pairs)) : Number(pairs) }, () => {
    const [oldBase, first, now, newBase, second] = [old.base, old.work, work, base, old.work].map(took);
    return { before: first / oldBase, now: now / newBase, change: (2 * now) / (first + second), same: first / second };
  });
  const middle = name => median(turns.map(turn => turn[name])).toFixed(3);
  lines.push([what, middle('before'), middle('now'), middle('change'), middle('same'), turns.length]);
}
printTable(['what', 'before', 'now', 'work now / before', 'A/A', 'pairs'], lines);
if (absent.length > 0) console.log(`Not in that module:\n${absent.join('\n')}`);

/** Why a module of another build refuses a work; `null` where it does not. @param {() => unknown} work */
function refusalOf(work) {
  try {
    work();
    return null;
  } catch (error) {
    return error.message;
  }
}

// `tees.mjs`: what a tee costs the thread. A tee sees the bytes that were judged, so there is a copy for each. One file
// of 128 MiB from a stream, with tees that only look, against the same without one: CPU time, in alternated pairs.
import { admit, loadGuest } from '../../js/index.js';
import { gguf } from '../../js/test/support/gguf.js';
import { median, printTable } from './measure.mjs';

const [MIB, PAIRS] = [2 ** 20, 15];
const file = gguf({ tensors: [{ bytes: 128 * MIB }] });
const guest = await loadGuest();

const stream = () => {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at === file.length) return controller.close();
      const piece = file.subarray(at, at + MIB);
      at += piece.length;
      controller.enqueue(piece);
    },
  }, { highWaterMark: 0 });
};

const looking = () => ({ write: bytes => void bytes.length });

/** CPU milliseconds of one admission. */
async function spent(digests, count) {
  const before = process.cpuUsage();
  const model = await admit(guest, stream(), { digests, tee: Array.from({ length: count }, looking) });
  const { user, system } = process.cpuUsage(before);
  model.release();
  return (user + system) / 1000;
}

const rows = [];
for (const digests of [['sha256'], []]) {
  for (const count of [1, 2]) {
    for (const tees of [count, 0]) await spent(digests, tees);
    const [ratios, same, times] = [[], [], []];
    for (let pair = 0; pair < PAIRS; pair++) {
      const before = await spent(digests, 0);
      const time = await spent(digests, count);
      const after = await spent(digests, 0);
      ratios.push((2 * time) / (before + after));
      same.push(before / after);
      times.push(time);
    }
    const what = `${digests[0] ? 'SHA-256' : 'no digest'}, ${count === 1 ? 'one tee' : 'two tees'} / none`;
    rows.push([what, median(ratios).toFixed(3), median(same).toFixed(3), median(times).toFixed(1)]);
  }
}
printTable(['what', 'ratio', 'A/A', 'ms'], rows);

// `row.mjs WAY MIB`: one admission of a made file in a process of its own, for its peak memory. Prints JSON.
import { readFileSync } from 'node:fs';
import { madeFile } from './file.mjs';
import { Guest } from './guest.mjs';

const [way, mebibytes] = process.argv.slice(2);
// No tensor of a resident model may be above 2 GiB.
const file = madeFile(Number(mebibytes) * 2 ** 20, 8);
const guest = new Guest();
const before = peak();
const start = performance.now();
if (way === 'v1') {
  const whole = new Uint8Array(file.length);
  for (let at = 0; at < whole.length; ) at += file.fill(whole.subarray(at), at);
  guest.v1(whole);
} else {
  guest.v2(file, { sink: way, keep: true });
}
const milliseconds = performance.now() - start;
console.log(
  JSON.stringify({
    way,
    mebibytes: Number(mebibytes),
    seconds: milliseconds / 1000,
    guest: guest.memoryBytes,
    process: peak() - before,
  }),
);

/** The most bytes this process had in memory. getrusage would tell the parent's too, from before it became this one. */
function peak() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
}

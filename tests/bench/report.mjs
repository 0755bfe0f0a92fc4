// `report.mjs`: what one report of the most hostile header costs that the default limits let pass. One call cannot be
// interrupted. Prints CPU time of the guest (the text), of JSON.parse, the length of the text and the guest's memory.
import { readFileSync } from 'node:fs';

const module = new WebAssembly.Module(readFileSync(new URL('../../js/guest.wasm', import.meta.url)));
const MIB = 2 ** 20;
const ENTRIES = 4096;
/** Of header: below the 64 MiB of HEADER_BYTES. */
const BYTES = 62 * MIB;
const KINDS = { plain: 'a', quotes: '"', 'soft hyphens': '\u00ad', 'tag characters': '\u{e0041}' };

/** A file of `ENTRIES` keys, all unlike, that consist of `letter`; each has a value of one byte. */
function hostile(letter) {
  const unit = Buffer.from(letter);
  const count = Math.floor((BYTES / ENTRIES - 32) / unit.length);
  const body = Buffer.concat(Array.from({ length: count }, () => unit));
  const [length, type] = [Buffer.alloc(8), Buffer.alloc(5)];
  length.writeBigUInt64LE(BigInt(body.length + 8));
  const start = Buffer.alloc(24);
  start.write('GGUF');
  start.writeUInt32LE(3, 4);
  start.writeBigUInt64LE(BigInt(ENTRIES), 16);
  const entry = index => [length, body, Buffer.from(String(index).padStart(8, '0')), type];
  return Buffer.concat([start, ...Array.from({ length: ENTRIES }, (_, index) => entry(index)).flat()]);
}

function seconds(act) {
  const before = process.cpuUsage();
  const value = act();
  const { user, system } = process.cpuUsage(before);
  return { value, took: ((user + system) / 1e6).toFixed(2) };
}

for (const [name, letter] of Object.entries(KINDS)) {
  const { exports } = new WebAssembly.Instance(module, {});
  const bytes = slice => new Uint8Array(exports.memory.buffer, Number(slice & 0xffffffffn), Number(slice >> 32n));
  const file = hostile(letter);
  const handle = exports.begin(BigInt(file.length), 1);
  for (let at = 0; at < file.length; ) {
    const window = bytes(exports.window(handle));
    const piece = file.subarray(at, at + window.length);
    window.set(piece);
    if (exports.push_chunk(handle, BigInt(at), piece.length) < 0) throw new Error(name);
    at += piece.length;
  }
  const report = seconds(() => exports.report(handle));
  if (report.value < 0n) {
    const { code, message } = JSON.parse(new TextDecoder().decode(bytes(exports.last_error())));
    console.log(`${name}: refused before the consent (${code}: ${message}), ${report.took} s`);
    exports.finish(handle);
    report.value = exports.report(handle);
  }
  const text = new TextDecoder().decode(bytes(report.value));
  const parsed = seconds(() => JSON.parse(text));
  const [memory, characters] = [exports.memory.buffer.byteLength, text.length].map(count => Math.round(count / MIB));
  const times = `report ${report.took} s, JSON.parse ${parsed.took} s`;
  console.log(`${name}: ${times}, ${characters} Mi characters, guest memory ${memory} MiB`);
}

// A worker that opens a stored model and reads tensors of it; and, beside it, reads and hashes the same groups without
// the package.
import { loadGuest, openStored, removeStored } from '/js/index.js';

const NAME = 'sparse.gguf';
const MIB = 2 ** 20;
const I8 = 24;
const BLAKE3 = 2;

let model;
let guest;
let plain;

const calls = {
  /**
   * A model of so many tensors, all zeros and a hole on the disk, and a record as version 0.2.0 wrote it: its evidence
   * is made by the first that opens it.
   */
  async make({ count, bytes, plain: address }) {
    const header = headerOf(count, bytes);
    const length = header.length + count * bytes;
    const root = await navigator.storage.getDirectory();
    const handle = await (await root.getFileHandle(NAME, { create: true })).createSyncAccessHandle();
    handle.write(header, { at: 0 });
    handle.truncate(length);
    handle.close();
    const record = await (await root.getFileHandle(`${NAME}.digests`, { create: true })).createSyncAccessHandle();
    record.write(new TextEncoder().encode(JSON.stringify({ length, digests: {}, id: 'bench' }).padEnd(512)), { at: 0 });
    record.close();
    plain = (await WebAssembly.instantiateStreaming(fetch(address))).instance.exports;
    guest = await loadGuest();
    (await openStored(guest, NAME)).release();
    return { length, header: header.length };
  },

  /** In a new guest. */
  async open() {
    model?.release();
    guest = await loadGuest();
    const began = performance.now();
    model = await openStored(guest, NAME);
    return { wall: (performance.now() - began) / 1e3, memory: guest.memoryBytes };
  },

  async tensors(indices) {
    const began = performance.now();
    let bytes = 0;
    for (const index of indices) bytes += (await model.tensor(index)).length;
    return { wall: (performance.now() - began) / 1e3, bytes, memory: guest.memoryBytes };
  },

  /** Each group once for each tensor that lies in it. */
  async groups(indices) {
    const root = await navigator.storage.getDirectory();
    const file = await (await root.getFileHandle(NAME)).getFile();
    const { tensors } = model.report;
    const began = performance.now();
    let groups = 0;
    for (const index of indices) {
      const { offset, bytes } = tensors[index];
      for (let group = Math.floor(offset / MIB); group * MIB < offset + bytes; group += 1) {
        const read = new Uint8Array(await file.slice(group * MIB, (group + 1) * MIB).arrayBuffer());
        // A new one for each: the end of a hash is the end of its window.
        const at = plain.plain_window(MIB);
        new Uint8Array(plain.memory.buffer, at, read.length).set(read);
        plain.plain_hash(read.length, BLAKE3);
        plain.plain_finish(BLAKE3);
        groups += 1;
      }
    }
    return { wall: (performance.now() - began) / 1e3, groups };
  },

  async remove() {
    model?.release();
    model = undefined;
    await removeStored(NAME);
  },
};

onmessage = async ({ data: { name, argument }, ports: [port] }) => {
  try {
    port.postMessage({ value: await calls[name](argument) });
  } catch (error) {
    port.postMessage({ error: String(error?.stack ?? error) });
  }
};

/** Of a model whose tensors lie one behind the other. */
function headerOf(count, bytes) {
  const parts = [];
  const add = (Kind, value) => parts.push(new Uint8Array(Kind.of(value).buffer));
  const text = value => {
    add(BigUint64Array, BigInt(value.length));
    parts.push(new TextEncoder().encode(value));
  };
  parts.push(new TextEncoder().encode('GGUF'));
  add(Uint32Array, 3);
  add(BigUint64Array, BigInt(count));
  add(BigUint64Array, 0n);
  for (let index = 0; index < count; index += 1) {
    text(`blk.${index}.weight`);
    add(Uint32Array, 1);
    add(BigUint64Array, BigInt(bytes));
    add(Uint32Array, I8);
    add(BigUint64Array, BigInt(index * bytes));
  }
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const header = new Uint8Array(size + (-size & 31));
  let at = 0;
  for (const part of parts) {
    header.set(part, at);
    at += part.length;
  }
  return header;
}

// A naive splitter: shards of a GGUF file as each its own header and a range of the file's data. It checks nothing.

const SIZES = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
const STRING = 8;
const ARRAY = 9;
const ALIGNMENT = 32;

/**
 * The first shard has the metadata, and each an equal number of tensors.
 *
 * @param {Buffer} file  the header, at least
 * @param {number} length  of the whole file
 * @param {number} count  of shards
 * @returns {{ head: Buffer, from: number, to: number, names: string[] }[]}
 */
export function split(file, length, count) {
  const reader = new Reader(file);
  const tensorCount = reader.u64(8);
  const entryCount = reader.u64(16);
  reader.at = 24;
  for (let index = 0; index < entryCount; index++) reader.skipString().skipValue(reader.u32());
  const metadata = file.subarray(24, reader.at);
  const tensors = Array.from({ length: tensorCount }, () => reader.tensor());
  const dataStart = padded(reader.at);
  const most = Math.ceil(tensorCount / count);
  return Array.from({ length: count }, (_, no) => {
    const own = tensors.slice(no * most, (no + 1) * most);
    const next = tensors[(no + 1) * most];
    const first = own[0].offset;
    const keys = [key('split.no', 2, u16(no)), key('split.count', 2, u16(count)),
      key('split.tensors.count', 5, u32(tensorCount))];
    const entries = [...(no === 0 ? [metadata] : []), ...keys];
    const records = own.map(({ record, offset }) => Buffer.concat([record, u64(offset - first)]));
    const counts = [u64(own.length), u64((no === 0 ? entryCount : 0) + keys.length)];
    const header = Buffer.concat([file.subarray(0, 8), ...counts, ...entries, ...records]);
    return {
      head: Buffer.concat([header], padded(header.length)),
      from: dataStart + first,
      to: next ? dataStart + next.offset : length,
      names: own.map(({ name }) => name),
    };
  });
}

class Reader {
  at = 0;

  constructor(bytes) {
    this.bytes = bytes;
  }

  u32() {
    return this.bytes.readUInt32LE((this.at += 4) - 4);
  }

  u64(at = (this.at += 8) - 8) {
    return Number(this.bytes.readBigUInt64LE(at));
  }

  string() {
    const length = this.u64();
    return this.bytes.toString('utf8', this.at, (this.at += length));
  }

  skipString() {
    const length = this.u64();
    this.at += length;
    return this;
  }

  skipValue(type) {
    if (type === STRING) this.skipString();
    else if (type !== ARRAY) this.at += SIZES[type];
    else {
      const of = this.u32();
      for (let left = this.u64(); left > 0; left--) this.skipValue(of);
    }
  }

  /** All of a record but its offset, which a shard has anew. */
  tensor() {
    const start = this.at;
    const name = this.string();
    const dimensions = this.u32();
    this.at += 8 * dimensions + 4;
    const record = this.bytes.subarray(start, this.at);
    return { name, record, offset: this.u64() };
  }
}

const padded = size => Math.ceil(size / ALIGNMENT) * ALIGNMENT;
const u16 = value => Buffer.from(Uint16Array.of(value).buffer);
const u32 = value => Buffer.from(Uint32Array.of(value).buffer);
const u64 = value => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const key = (name, type, value) => Buffer.concat([u64(name.length), Buffer.from(name), u32(type), value]);

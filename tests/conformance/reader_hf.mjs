// One file through `@huggingface/gguf` (npm): prints what it says of the file as one JSON line. See conformance.py for
// its form. The package is looked up in the folder given first.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, file] = process.argv.slice(2);
const { gguf, GGUFValueType, GGMLQuantizationType } = createRequire(pathToFileURL(`${folder}/`))('@huggingface/gguf');

// What the reader adds to the entries of the file.
const INVENTED = ['version', 'tensor_count', 'kv_count'];
const NAMES = {
  UINT8: 'u8',
  INT8: 'i8',
  UINT16: 'u16',
  INT16: 'i16',
  UINT32: 'u32',
  INT32: 'i32',
  FLOAT32: 'f32',
  BOOL: 'bool',
  STRING: 'string',
  ARRAY: 'array',
  UINT64: 'u64',
  INT64: 'i64',
  FLOAT64: 'f64',
};

const name = type => NAMES[GGUFValueType[type]];

async function read(path) {
  const { metadata, typedMetadata, tensorInfos, tensorDataOffset } = await gguf(path, {
    allowLocalFile: true,
    typedMetadata: true,
  });
  // A Map: an object would lose the keys that JavaScript gives a meaning of their own.
  const entries = new Map(Object.entries(typedMetadata).filter(([key]) => !INVENTED.includes(key)));
  const kinds = [...entries].map(([key, { type, subType, value }]) =>
    [key, name(type) === 'array' ? `array of ${value.length} ${name(subType)}` : name(type)]);
  return {
    version: metadata.version,
    entries: Number(metadata.kv_count),
    metadata: kinds,
    tensorCount: Number(metadata.tensor_count),
    dataOffset: Number(tensorDataOffset),
    tensors: tensorInfos.map(tensor => ({
      name: tensor.name,
      type: GGMLQuantizationType[tensor.dtype] ?? `type ${tensor.dtype}`,
      dims: tensor.shape.map(String),
      offset: String(tensorDataOffset + tensor.offset),
    })),
  };
}

const answer = await read(file).then(
  accepts => ({ accepts }),
  error => (/allocation failed/.test(error) ? { memory: true } : { rejects: String(error) }),
);
console.log(JSON.stringify(answer));

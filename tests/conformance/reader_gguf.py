"""One file through `gguf` (PyPI): prints what GGUFReader says of it as one JSON line. See conformance.py for its form."""

import json
import logging
import sys

import gguf

# What the reader adds to the fields of the file, in this order, before any of them.
INVENTED = ["GGUF.version", "GGUF.tensor_count", "GGUF.kv_count"]
NAMES = {"uint8": "u8", "int8": "i8", "uint16": "u16", "int16": "i16", "uint32": "u32", "int32": "i32",
         "float32": "f32", "uint64": "u64", "int64": "i64", "float64": "f64"}


def read(path):
    reader = gguf.GGUFReader(path)
    fields = list(reader.fields.values())
    version, tensors, entries = (int(field.parts[0][0]) for field in fields[:len(INVENTED)])
    return {
        "version": version,
        "entries": entries,
        "metadata": {field.name: _type(field) for field in fields[len(INVENTED):]},
        "tensorCount": tensors,
        "dataOffset": int(reader.data_offset),
        "tensors": [{"name": tensor.name, "type": tensor.tensor_type.name, "dims": [int(d) for d in tensor.shape],
                     "offset": int(tensor.data_offset), "bytes": int(tensor.n_bytes)} for tensor in reader.tensors],
    }


def _type(field):
    kinds = [NAMES.get(kind.name.lower(), kind.name.lower()) for kind in field.types]
    if kinds[0] != "array":
        return kinds[0]
    # The parts of an array: length of the key, key, type, element type, length, elements. The types name no element
    # type where there is no element.
    items = int(field.parts[4][0])
    of = [NAMES.get(kind.name.lower(), kind.name.lower()) for kind in [gguf.GGUFValueType(int(field.parts[3][0]))]]
    return f"array of {items} {of[0]}"


if __name__ == "__main__":
    logging.disable()
    try:
        answer = {"accepts": read(sys.argv[1])}
    except MemoryError:
        answer = {"memory": True}
    except Exception as error:
        answer = {"rejects": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer))

// Types of the guest's report. Fields are only ever added; offsets are absolute file offsets.

/** @typedef {'open' | 'header_ready' | 'receiving' | 'admitted' | 'failed'} State  of a session */

/**
 * @typedef {object} Entry
 * @property {string} key
 * @property {string} type       `u8` ... `f64`, `bool`, `string`, `array`
 * @property {any} [value]       not of arrays; 64-bit integers are strings; long strings are cut, see `bytes`
 * @property {number} [bytes]    length of a string that was cut
 * @property {string} [of]       element type of an array
 * @property {number} [items]
 * @property {number} [offset]   of an array's first element
 */

/**
 * @typedef {object} Tensor
 * @property {string} name
 * @property {string} type      as the format names it: `F32`, `Q4_K`
 * @property {(number | string)[]} dims  the fastest running first; above 2^53-1 as a string
 * @property {number} offset    of its first byte, in the file
 * @property {number} bytes     its length in the file, without padding
 */

/**
 * @typedef {object} Gguf
 * @property {number} version        2 or 3
 * @property {number} alignment      bytes: each tensor begins at a multiple of it, counted from `dataOffset`
 * @property {number} headerBytes    up to the end of the last tensor's record
 * @property {number} dataOffset     where the data begins, in the file
 * @property {number} dataBytes      from there to the end of the last tensor
 * @property {number} trailingBytes  behind the last padding: 0 unless the limit of this name allows some
 */

/** @typedef {Partial<Record<import('./settings.js').Algorithm, string>>} Digests  in hex */

/**
 * @typedef {object} Finding  of a profile
 * @property {string} rule              `L1` to `L9` of `llama`
 * @property {'error' | 'warning'} level
 * @property {string | null} path       field of the file; null where a key is missing, and so is the offset
 * @property {number | null} offset
 * @property {string} message
 */

/**
 * @typedef {object} Joined  what a shard that has joined its set knows of it
 * @property {number} no            its number, from 0
 * @property {number} count         of the shards that the set has
 * @property {number} tensors       of all of them
 * @property {number} lead          handle of the first shard
 * @property {number[]} joined      numbers of the shards that have joined, ascending
 */

/**
 * @typedef {object} Report
 * @property {string} abi                the version of the interface: `2.1`
 * @property {State} state
 * @property {'verify' | 'resident'} sink
 * @property {number} position           bytes of the file that were accepted so far
 * @property {number | null} length      of the file in bytes; null while it is not known
 * @property {Gguf} gguf                 from `header_ready` on, as are the next four
 * @property {{ held: number, needed: number, limit: number }} memory  bytes of the guest's: held now, the most that
 *   will be held, and the limit
 * @property {Entry[]} metadata
 * @property {Tensor[]} tensors
 * @property {Digests | null} digests   null before `admitted`
 * @property {{ groupBytes: number, groups: number }} [evidence]  where it is computed, from `header_ready` on: the
 *   number of values so far
 * @property {Finding[]} [findings]     where a profile was chosen, from `header_ready` on: at most six a rule
 * @property {number} [findingsCount]   of all
 * @property {Joined} [set]             of a shard that has joined its set
 * @property {any} [error]               of a failed session
 */

/**
 * @typedef {Report & { digests: Digests, recorded?: import('./settings.js').Algorithm[] }} ModelReport
 * Of an admitted model. `recorded` names those of its digests that were computed when the file was stored, and not now.
 */

/** @typedef {Tensor & { shard: number }} ShardTensor */

/**
 * @typedef {Omit<ModelReport, 'tensors'> & { tensors: ShardTensor[], shards: ModelReport[] }} SetReport
 * Of a set: what the first shard's report says, but for these. `tensors` are those of all shards, in the order of the
 * list; each names by its place in the list the `shard` in whose file its `offset` is. `length`, `position` and the
 * counts of `memory` are sums. `digests` is empty where there are several files: each has its own, in `shards`, the
 * reports of all.
 */

/**
 * What a report says of an admitted file: the same for the same file, whatever the ABI, the sink and the chunks.
 *
 * @typedef {Pick<ModelReport, 'length' | 'gguf' | 'metadata' | 'tensors' | 'digests'>} FileReport
 */

export {};

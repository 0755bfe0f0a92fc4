// Rows of a Q8_0 matrix times a vector, on the GPU. A row is blocks of 34 bytes: a scale in 16 bits, and 32 weights of
// 8 bits. Blocks do not begin at words, and a GPU reads words only: so bytes are picked out of them.
const BLOCK = { bytes: 34, weights: 32 };
const LANES = 64;

const SHADER = /* wgsl */ `
struct Shape { first: u32, blocks: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> matrix: array<u32>;
@group(0) @binding(2) var<storage, read> vector: array<f32>;
@group(0) @binding(3) var<storage, read_write> products: array<f32>;

var<workgroup> sums: array<f32, ${LANES}>;

fn byte(at: u32) -> u32 { return extractBits(matrix[at / 4], 8 * (at % 4), 8); }
fn scale(at: u32) -> f32 { return unpack2x16float(byte(at) | (byte(at + 1) << 8)).x; }
fn weight(at: u32) -> f32 { return f32(extractBits(i32(byte(at)), 0, 8)); } // its highest bit is the sign

// A workgroup has a row; each of its lanes has every 64th block.
@compute @workgroup_size(${LANES})
fn multiply(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = shape.first + group.x;
  var sum = 0.0;
  for (var block = lane; block < shape.blocks; block += ${LANES}) {
    let at = (row * shape.blocks + block) * ${BLOCK.bytes};
    var part = 0.0;
    for (var i = 0u; i < ${BLOCK.weights}; i++) {
      part += weight(at + 2 + i) * vector[block * ${BLOCK.weights} + i];
    }
    sum += scale(at) * part;
  }
  sums[lane] = sum;
  for (var half = ${LANES / 2}u; half > 0; half /= 2) {
    workgroupBarrier();
    if (lane < half) { sums[lane] += sums[lane + half]; }
  }
  if (lane == 0) { products[group.x] = sums[0]; }
}`;

/**
 * @param {GPUDevice} device
 * @returns {(matrix: GPUBuffer, vector: Float32Array, first: number, rows: number) => Promise<Float32Array>} the
 *   products of so many rows, from `first` on, with a vector as long as a row: a multiple of 32
 */
export function multiplier(device) {
  const module = device.createShaderModule({ code: SHADER });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'multiply' } });
  const { STORAGE, UNIFORM, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;

  return async (matrix, vector, first, rows) => {
    const made = [];
    const make = (size, usage) => {
      const buffer = device.createBuffer({ size, usage });
      made.push(buffer);
      return buffer;
    };
    const filled = (data, usage) => {
      const buffer = make(data.byteLength, usage | COPY_DST);
      device.queue.writeBuffer(buffer, 0, data);
      return buffer;
    };
    const shape = filled(Uint32Array.of(first, vector.length / BLOCK.weights), UNIFORM);
    const products = make(4 * rows, STORAGE | COPY_SRC);
    const bindings = [shape, matrix, filled(vector, STORAGE), products];

    const commands = device.createCommandEncoder();
    const pass = commands.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: bindings.map((buffer, binding) => ({ binding, resource: { buffer } })),
    }));
    pass.dispatchWorkgroups(rows);
    pass.end();
    const readable = make(4 * rows, COPY_DST | MAP_READ);
    commands.copyBufferToBuffer(products, 0, readable, 0, 4 * rows);
    device.queue.submit([commands.finish()]);
    await readable.mapAsync(GPUMapMode.READ);
    const answer = new Float32Array(readable.getMappedRange().slice(0));
    for (const buffer of made) buffer.destroy();
    return answer;
  };
}

// A row of a Q8_0 tensor times a vector.
import { load } from './model.js';
import { multiplier } from './q8_0.js';

const $ = id => /** @type {any} */ (document.getElementById(id));
let shown;

$('file').addEventListener('change', async ({ target }) => {
  const [file] = target.files;
  if (!file) return;
  target.disabled = true;
  $('row').hidden = true;
  shown?.device.destroy();
  shown = undefined;
  try {
    shown = await load(file, {
      onProgress: ({ bytes, total }) => say('working', `${bytes} of ${total} bytes …`),
    });
    const tensors = shown.report.tensors.filter(({ type, dims }) => type === 'Q8_0' && dims.length === 2);
    $('tensor').replaceChildren(...tensors.map(({ name }) => new Option(name)));
    $('row').hidden = tensors.length === 0;
    const found = tensors.length > 0 ? '' : ', none of them in Q8_0 with rows';
    say('admitted', `Admitted: ${shown.buffers.size} tensors are buffers of the GPU${found}.`);
  } catch (error) {
    say('failed', error.message);
  }
  target.disabled = false;
});

$('row').addEventListener('submit', async event => {
  event.preventDefault();
  const { device, report, buffers } = shown;
  const tensor = report.tensors.find(({ name }) => name === $('tensor').value);
  const [columns, rows] = tensor.dims;
  const index = Number($('index').value);
  if (index >= rows) return say('failed', `${tensor.name} has ${rows} rows`);
  const vector = Float32Array.from({ length: columns }, (_, at) => Math.sin(at)); // yours comes from the layer before
  const [product] = await multiplier(device)(buffers.get(tensor.name), vector, index, 1);
  $('product').value = product;
  say('admitted', `Row ${index} of ${tensor.name}, ${columns} weights, times sin(0), sin(1), …`);
});

function say(state, text) {
  $('status').dataset.state = state;
  $('status').textContent = text;
}

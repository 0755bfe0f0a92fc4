// The page of the Rust app.
import init, { admit, memoryBytes, peek } from './pkg/gguf_rust_app.js';

const $ = id => /** @type {any} */ (document.getElementById(id));
const ready = init();
/** The model that is shown; its memory is given back before the next one is admitted. */
let shown;
let controller;

$('file').addEventListener('change', () => {
  const [file] = $('file').files;
  $('file').value = ''; // else the same file, picked again, would be no change
  if (file) open(file);
});
$('cancel').addEventListener('click', () => controller?.abort());

ready.catch(error => say('failed', `The app could not be loaded: ${error.message}`));

async function open(file) {
  controller?.abort();
  const mine = (controller = new AbortController());
  $('cancel').disabled = false;
  $('model').hidden = true;
  say('working', `Admitting ${file.name} …`);
  try {
    await ready;
    shown?.free();
    shown = undefined;
    const { architecture, tensors, needed } = JSON.parse(await peek(file, { signal: mine.signal }));
    say('working', `Admitting ${file.name}: ${architecture}, ${tensors} tensors, ${mib(needed)} of memory …`);
    const began = performance.now();
    const admitted = await admit(file, { signal: mine.signal });
    if (mine !== controller) return admitted.free();
    shown = admitted;
    show(admitted, JSON.parse(admitted.report()));
    const seconds = (performance.now() - began) / 1000;
    say(
      'admitted',
      `Admitted ${file.name}: ${mib(file.size)} in ${seconds.toFixed(2)} s, ${mib(memoryBytes())} of memory.`,
    );
  } catch (error) {
    if (mine === controller) say('failed', describe(error));
  } finally {
    if (mine === controller) rest();
  }
}

/** Nothing more to cancel. A control that is disabled loses the keyboard's focus: the next one to be used gets it. */
function rest() {
  if (document.activeElement === $('cancel')) $('file').focus();
  $('cancel').disabled = true;
}

function show(admitted, { length, gguf, metadata, tensors, digests }) {
  const value = key => metadata.find(entry => entry.key === key)?.value ?? '–';
  $('facts').replaceChildren(
    ...Object.entries({
      'Name': value('general.name'),
      'Architecture': value('general.architecture'),
      'Length': `${length} bytes`,
      'Header': `GGUF ${gguf.version}, ${gguf.headerBytes} bytes, ${metadata.length} entries`,
      'SHA-256': digests.sha256,
    }).map(cells => row(cells)),
  );
  $('tensors').replaceChildren(
    ...tensors.map(({ name, type, dims, bytes }) => {
      const pick = Object.assign(document.createElement('button'), {
        textContent: name,
        onclick: () => read(admitted, name),
      });
      return row([pick, type, dims.join(' × '), bytes]);
    }),
  );
  $('values-label').textContent = 'Pick a tensor to read its first values in place.';
  $('values').textContent = '';
  $('model').hidden = false;
}

/** A few values where the type has them, else the first block's bytes. */
function read(admitted, name) {
  const values = admitted.values(name, 8);
  $('values-label').textContent = `First ${values ? 'values' : 'bytes'} of ${name}:`;
  $('values').textContent = values
    ? [...values].map(value => Number(value.toPrecision(6))).join(', ')
    : [...(admitted.bytes(name, 0, 16) ?? [])].map(byte => byte.toString(16).padStart(2, '0')).join(' ');
}

function row(cells) {
  const line = document.createElement('tr');
  for (const cell of cells) {
    const place = line.insertCell();
    if (typeof cell === 'number') place.className = 'number';
    place.append(cell instanceof Node ? cell : String(cell));
  }
  return line;
}

function say(state, text) {
  $('status').dataset.state = state;
  $('status').textContent = text;
}

const mib = bytes => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

const describe = ({ name, code, offset, path, message }) =>
  name === 'AbortError'
    ? 'Cancelled.'
    : [code, path && path !== code && `in ${path}`, offset != null && `at byte ${offset}`]
      .filter(Boolean).join(' ') + `: ${message}`;

// Uploads by the tus protocol, with nothing but fetch: a piece at a time. After a broken line it goes on from where the
// server is.

const PIECE = 8 * 1024 * 1024;
const PATIENCE = [500, 1000, 2000, 4000, 8000];

const $ = id => document.getElementById(id);
const say = text => ($('said').textContent = text);
const wait = ms => new Promise(resolve => setTimeout(resolve, ms));

/** What the server said against it. Asking again would not help. */
class Refused extends Error {}

async function ask(url, method, headers, signal, body) {
  const response = await fetch(url, { method, signal, body, headers: { 'Tus-Resumable': '1.0.0', ...headers } });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({ detail: response.statusText }));
  const place = problem.path
    ? ` (${problem.path}${problem.offset === undefined ? '' : `, byte ${problem.offset}`})`
    : '';
  const error = `${problem.code ?? response.status}: ${problem.detail}${place}`;
  throw [408, 409, 423, 429, 502, 503, 504].includes(response.status) && method !== 'POST'
    ? new Error(error)
    : new Refused(error);
}

async function upload(file, name, signal, progress) {
  const metadata = `name ${btoa(String.fromCharCode(...new TextEncoder().encode(name)))}`;
  const created = await ask('/uploads', 'POST', { 'Upload-Length': file.size, 'Upload-Metadata': metadata }, signal);
  const url = created.headers.get('Location');
  let offset = 0;
  for (let tries = 0; offset < file.size;) {
    try {
      const headers = { 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': offset };
      const answer = await ask(url, 'PATCH', headers, signal, file.slice(offset, offset + PIECE));
      offset = Number(answer.headers.get('Upload-Offset'));
      tries = 0;
    } catch (error) {
      if (error instanceof Refused || signal.aborted || tries === PATIENCE.length) throw error;
      say(`${error.message}; going on soon`);
      await wait(PATIENCE[tries++]);
      // Where the server is; while it cannot be asked, the next PATCH tells.
      const found = await ask(url, 'HEAD', {}, signal).catch(error =>
        error instanceof Refused ? Promise.reject(error) : undefined,
      );
      if (found) offset = Number(found.headers.get('Upload-Offset'));
    }
    progress(offset);
  }
}

$('file').onchange = () => {
  const [file] = $('file').files;
  if (file) $('name').value = file.name;
};

$('send').onclick = async () => {
  const [file] = $('file').files;
  if (!file) return say('Choose a file first.');
  const stop = new AbortController();
  $('stop').onclick = () => stop.abort();
  $('send').disabled = !($('stop').disabled = false);
  try {
    say('Sending ...');
    await upload(file, $('name').value, stop.signal, offset => ($('progress').value = offset / file.size));
    say(`${$('name').value} is stored.`);
  } catch (error) {
    say(stop.signal.aborted ? 'Stopped.' : `Refused. ${error.message}`);
  } finally {
    $('send').disabled = !($('stop').disabled = true);
  }
};

// What is shown of an error: what is wrong, where, and what can be done.
import { byId, element, foreign, showFacts } from './element.js';
import { cut, sentence, whole } from './format.js';

/** @type {Record<string, string>} */
const HINTS = {
  digest: 'The file is well formed, but not the one that was asked for.',
  limit: 'The file may be sound: it is above a limit that protects this page.',
  http: 'Check the address.',
  html: 'Many sites show a page about the file under a similar address: look for its download link.',
  memory: 'The browser gave no more memory. Close something, or verify instead of keeping the tensors.',
  set: 'Choose all files of one model, each once, as they were split.',
  quota: 'There is no room to keep it. Free some among the models kept here, or do not keep this one.',
  locked: 'Another tab is reading or storing this model.',
  budget: 'It needs more memory than it may have. Verify instead of keeping the tensors.',
};
/** @type {Record<string, string>} */
const HINTS_BY_KIND = {
  rejected: 'Nothing of the file was kept. Another copy of it may be sound.',
  source: 'The bytes could not be had. If this is another site, it may not allow this page to read it (CORS).',
  misuse: 'What was asked for cannot be done. Check the options.',
  dead: 'The guest has ended. The next file gets a new one.',
  retry: 'Free something, and try again.',
};
/** @type {Record<string, string>} */
const TITLES = {
  rejected: 'Not admitted',
  source: 'Could not be read',
  misuse: 'Cannot be done',
  dead: 'The guest ended',
  retry: 'Not now',
};

/** @param {any} error */
export function showFailure(error) {
  const { code, kind, offset, path, expected, found, shard } = error ?? {};
  const title = `${TITLES[kind] ?? 'Failed'}${code ? `: ${code}` : ''}`;
  byId('failure-title').textContent = title;
  const message = error instanceof Error ? error.message : String(error);
  byId('failure-message').replaceChildren(foreign(sentence(cut(message, 1000))));
  /** @type {[string, Node | string][]} */
  const facts = [];
  const add = (/** @type {string} */ name, /** @type {unknown} */ value) => {
    if (value !== null && value !== undefined && value !== '')
      facts.push([name, element('code', {}, foreign(cut(String(value), 500)))]);
  };
  add('Code', code);
  add('File', typeof shard === 'number' ? shard + 1 : undefined);
  add('Offset', typeof offset === 'number' ? `${whole(offset)} (0x${offset.toString(16)})` : offset);
  add('Path', path);
  add('Expected', expected);
  add('Found', found);
  showFacts(byId('failure-facts'), facts);
  byId('failure-hint').textContent = HINTS[code] ?? HINTS_BY_KIND[kind] ?? '';
  return title;
}

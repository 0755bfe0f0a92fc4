// What a profile found in a header: what the next reader would trip over.
import { byId, element, foreign } from './element.js';
import { cut, whole } from './format.js';

/** @param {import('../index.js').Report} report  of a header that is complete */
export function showFindings({ findings, findingsCount = 0 }) {
  byId('findings').hidden = findings === undefined;
  if (findings === undefined) return;
  const more = findingsCount - findings.length;
  byId('findings-text').textContent = findingsCount === 0
    ? 'Nothing: it has what llama.cpp and its relatives ask of a text model.'
    : `${whole(findingsCount)} ${findingsCount === 1 ? 'finding' : 'findings'}. They do not make the file a bad one: `
      + `llama.cpp and its relatives may not load it.${more > 0 ? ` ${whole(more)} of them are not listed.` : ''}`;
  byId('findings-list').replaceChildren(...findings.map(({ rule, level, message, path, offset }) => {
    const text = message.startsWith(`${rule}: `) ? message.slice(rule.length + 2) : message;
    const place = [path, offset === null ? undefined : `byte ${whole(offset)}`].filter(Boolean).join(', ');
    return element('li', { class: level },
      element('strong', {}, `${rule}, ${level}`), ' ', foreign(cut(text, 500)),
      place ? element('small', {}, element('code', {}, place)) : undefined);
  }));
}

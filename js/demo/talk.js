// Text from the model that was admitted, by the runtime that is in the same guest.
import { byId, element, showFacts } from './element.js';
import { size } from './format.js';

/** @typedef {import('./guest.js').PageGuest} PageGuest */

const utf8 = new TextEncoder();

/** Milliseconds that a piece of the prompt shall take: between two a stop is heard, and the page has its turn. */
const PIECE = 50;
/** The most tokens of a piece. */
const MOST = 64;

/** One model's talk: what is asked for last ends what runs. */
export class Talk {
  #guest;
  #bytes;
  /** @type {object | undefined} what runs; it stops when it is another, or nothing */ #turn;
  /** @type {Promise<unknown>} the latest call into the guest */ #idle = Promise.resolve();

  /**
   * @param {PageGuest} guest  in which a model is active
   * @param {import('../index.js').Report} report  of the model
   */
  constructor(guest, report) {
    this.#guest = guest;
    this.#bytes = report.position;
    const longest = report.metadata.find(({ key }) => key.endsWith('.context_length'))?.value;
    const context = byId('talk-context');
    if (typeof longest === 'number') context.max = longest;
    if (Number(context.value) > Number(context.max)) context.value = context.max;
    byId('talk').hidden = false;
    byId('talk-text').replaceChildren();
    byId('talk-said').textContent = '';
    byId('talk-form').onsubmit = (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#generate();
    };
    byId('talk-stop').onclick = () => this.stop();
    document.onkeydown = event => {
      if (event.key === 'Escape') this.stop();
    };
    this.#showTurn(undefined);
    this.#showNumbers(0, 0);
  }

  /**
   * Ends what runs. The page shows it at once: what the guest still answers is not looked at. The guest is free after
   * the call that is under way, of a token or of a piece of the prompt.
   */
  stop() {
    if (!this.#turn) return;
    this.#showTurn(undefined);
    byId('talk-said').textContent = 'Stopped.';
    byId('talk-go').focus();
  }

  /** Ends it for good. */
  end() {
    this.#turn = undefined;
    document.onkeydown = null;
    byId('talk').hidden = true;
  }

  async #generate() {
    const turn = {};
    this.#showTurn(turn);
    byId('talk-stop').focus();
    const said = byId('talk-said');
    const prompt = byId('talk-prompt').value;
    const text = element('span', { class: 'talk-new' });
    byId('talk-text').replaceChildren(element('span', { class: 'talk-old' }, prompt), text);
    said.textContent = 'Reading the prompt.';
    try {
      const end = await this.#start(prompt);
      await this.#read(turn);
      if (this.#turn !== turn) return;
      const decoder = new TextDecoder();
      const most = number('talk-most');
      const begin = performance.now();
      let first = begin;
      for (let count = 1; count <= most && this.#turn === turn; count++) {
        const id = await this.#call('generate_next_token');
        if (this.#turn !== turn) return;
        if (count === 1) first = performance.now();
        if (id === end) return this.#over(turn, `The model ended its text after ${count} tokens.`);
        const piece = await this.#guest.callRead('token_text', id);
        if (this.#turn !== turn) return;
        text.append(decoder.decode(piece, { stream: true }));
        this.#showNumbers(count, count > 1 ? (1000 * (count - 1)) / (performance.now() - first) : 0);
        if (count === 1) said.textContent = 'Writing.';
      }
      this.#over(turn, `${most} tokens, as many as were asked for.`);
    } catch (error) {
      this.#over(turn, error instanceof Error ? `${error.message}.` : String(error));
    }
  }

  /** Sets context, choice and prompt. Gives the token that ends a text. @param {string} prompt */
  async #start(prompt) {
    // What was stopped may still be under way in the guest.
    await this.#idle.catch(() => {});
    await this.#call('reset_context', number('talk-context'));
    const config = [number('talk-temperature'), number('talk-k'), number('talk-p')];
    await this.#call('set_sampling_config', ...config, BigInt(Math.floor(number('talk-seed'))));
    const bytes = utf8.encode(prompt);
    if (bytes.length > 0) await this.#guest.callWrite('prompt_window', bytes, bytes.length);
    await this.#call('set_prompt', bytes.length);
    return this.#call('end_token').catch(() => undefined);
  }

  /** Has the guest read the prompt, but for its last token, in pieces of about the same time. @param {object} turn */
  async #read(turn) {
    for (let left = Infinity, piece = 1; left > 1 && this.#turn === turn;) {
      const begin = performance.now();
      left = Number(await this.#call('evaluate_prompt', piece));
      const took = Math.max(1, performance.now() - begin);
      piece = Math.max(1, Math.min(MOST, 2 * piece, Math.round((piece * PIECE) / took)));
      if (this.#turn === turn && left > 1) await this.#showNumbers(0, 0, left);
    }
  }

  /** @param {string} name @param {...(number | bigint)} args */
  #call(name, ...args) {
    const answer = this.#guest.call(name, ...args);
    this.#idle = answer;
    return answer;
  }

  /** @param {object} turn @param {string} how */
  #over(turn, how) {
    if (this.#turn !== turn) return;
    const hadFocus = document.activeElement === byId('talk-stop');
    this.#showTurn(undefined);
    byId('talk-said').textContent = how;
    if (hadFocus) byId('talk-go').focus();
  }

  /** @param {object | undefined} turn */
  #showTurn(turn) {
    this.#turn = turn;
    byId('talk-go').hidden = Boolean(turn);
    byId('talk-stop').hidden = !turn;
  }

  /** @param {number} count @param {number} rate @param {number} [unread]  tokens of the prompt */
  async #showNumbers(count, rate, unread = 0) {
    const memory = await this.#guest.memoryBytes().catch(() => 0);
    showFacts(byId('talk-facts'), [
      ['Tokens', unread > 0 ? `${count}, ${unread} to read` : String(count)],
      ['Speed', rate > 0 ? `${rate.toFixed(1)} tokens/s` : '–'],
      ['Guest memory', size(memory), `the file has ${size(this.#bytes)}`],
    ]);
  }
}

/** @param {string} id */
const number = id => Number(byId(id).value);

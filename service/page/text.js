// What streams in: each character by how surprising it was, before it was learnt.

import { $, make } from "./dom.js";
import { bits, byteName, level, percent, visible, whole } from "./format.js";

const KEPT = 2000; // characters

/** Cuts bytes into characters of UTF-8; what is none comes out byte by byte. */
export class Utf8 {
  #bytes = [];
  #surprise = 0;

  /** Return [text, surprise] of each character that ends with this byte, perhaps none. */
  add(byte, surprise) {
    const made = [];
    const continues = (byte & 0xc0) === 0x80;
    if (this.#bytes.length && !continues) made.push(...this.#broken());
    if (!this.#bytes.length && (continues || byte >= 0xf8)) return [...made, [byteName(byte), surprise]];
    this.#bytes.push(byte);
    this.#surprise += surprise;
    const first = this.#bytes[0];
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (this.#bytes.length < length) return made;
    const total = this.#surprise;
    try {
      const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(new Uint8Array(this.#bytes));
      this.#bytes = [];
      this.#surprise = 0;
      return [...made, [text, total]];
    } catch {
      return [...made, ...this.#broken()];
    }
  }

  #broken() {
    const each = this.#surprise / this.#bytes.length;
    const made = this.#bytes.map((byte) => [byteName(byte), each]);
    this.#bytes = [];
    this.#surprise = 0;
    return made;
  }
}

export class TextPanel {
  #utf8 = new Utf8();
  #next = null; // the position of the output that would follow what is shown
  #tick = 0; // of the last that is shown
  #words = new Map(); // of tokens that are no bytes

  constructor(session) {
    this.session = session;
    this.box = $("text");
    this.box.addEventListener("pointerover", (event) => this.tell(event.target));
  }

  begin(net) {
    this.isBytes = net.vocabulary === "bytes";
    this.#utf8 = new Utf8();
  }

  async add(message) {
    if (!message.token?.length) return;
    if (!this.isBytes) await this.learnWords(message.token);
    const skipped = this.#next === null ? 0 : message.position - this.#next; // below 0 where another server has begun anew
    const isBack = message.first_tick <= this.#tick;
    this.#next = message.position + message.count;
    this.#tick = message.first_tick + message.count - 1;
    const pieces = document.createDocumentFragment();
    if (skipped > 0 || isBack) {
      this.#utf8 = new Utf8();
      pieces.append(make("span", { class: "gap" }, isBack ? "⋯ restored ⋯" : `⋯ ${whole(skipped)} not shown ⋯`));
    }
    message.token.forEach((token, i) => {
      for (const [text, surprise] of this.written(token, message.surprise[i])) pieces.append(...letters(text, surprise));
    });
    const isAtEnd = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < 40;
    this.box.append(pieces);
    while (this.box.childNodes.length > KEPT) this.box.firstChild.remove();
    if (isAtEnd) this.box.scrollTop = this.box.scrollHeight;
    $("text-empty").hidden = true;
  }

  written(token, surprise) {
    return this.isBytes ? this.#utf8.add(token, surprise) : [[this.#words.get(token) ?? `‹${token}›`, surprise]];
  }

  async learnWords(tokens) {
    const unknown = [...new Set(tokens)].filter((token) => !this.#words.has(token));
    for (let i = 0; i < unknown.length; i += 200) {
      const some = unknown.slice(i, i + 200);
      const { texts } = await this.session.get(`/v1/net/tokens?${some.map((token) => `id=${token}`).join("&")}`);
      some.forEach((token, at) => this.#words.set(token, texts[at]));
    }
  }

  tell(letter) {
    const surprise = letter.dataset?.bits;
    if (surprise === undefined) return;
    const probability = 2 ** -surprise;
    $("letter").textContent = `“${letter.textContent.trim() || "space"}”: ${bits(Number(surprise))}, it gave it ${probability < 0.001 ? "less than 0.1%" : percent(probability)}`;
  }
}

/** Return the elements of a piece of text, one for each character of a byte text, or for a whole token. */
export function letters(text, surprise) {
  const seen = Array.from(text, visible).join("");
  const told = surprise.toFixed(2);
  const letter = make("span", { class: `s${level(Number(told))}` }, seen);
  letter.dataset.bits = told;
  return text.includes("\n") ? [letter, "\n"] : [letter];
}

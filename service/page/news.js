// News: the events of the streams as they come, and what a person says of each.

import { $, make } from "./dom.js";
import { told } from "./session.js";
import { came, isText, meant, rarity, when } from "./telling.js";

const SHOWN = 50; // events, each however often it was told of
const STATES = { open: "goes on", worse: "got worse", closed: "is over" };

export class NewsPanel {
  #events = new Map(); // by stream and number: a row of the list, and the worst that was told of it
  #late = []; // what came last, maybe while the list was asked for
  #only = null; // the stream whose news are shown, null for all
  #chosen = null;

  /** `choose` is called with the stream that a person wants to see. */
  constructor(session, allow, choose) {
    Object.assign(this, { session, allow, choose });
    $("news-only").addEventListener("click", () => this.narrow($("news-only").getAttribute("aria-pressed") !== "true"));
  }

  /** Show the news of the chosen stream alone, or those of all. */
  narrow(isNarrow) {
    $("news-only").setAttribute("aria-pressed", isNarrow);
    return this.list().catch((error) => ($("news-answer").textContent = told(error)));
  }

  /** Take it that another stream is looked at. */
  async look(stream) {
    this.#chosen = stream;
    if ($("news-only").getAttribute("aria-pressed") === "true" && this.#only !== stream) await this.list();
  }

  async list() {
    const only = $("news-only").getAttribute("aria-pressed") === "true" ? this.#chosen : null;
    this.#only = only;
    const { data } = await this.session.get(`/v1/events?newest=true&limit=100${only === null ? "" : `&stream=${encodeURIComponent(only)}`}`);
    if (this.#only !== only) return; // another answer is on its way
    this.#events.clear();
    $("news").replaceChildren();
    for (const news of [...data, ...this.#late.filter(({ id }) => id > (data.at(-1)?.id ?? 0))]) this.add(news);
    this.draw();
  }

  heard(news) {
    this.#late = [...this.#late.slice(1 - SHOWN), news];
    this.add(news);
    this.draw();
  }

  add(news) {
    if (this.#only !== null && this.#only !== news.stream) return;
    const key = JSON.stringify([news.stream, news.number]);
    const before = news.state === "open" ? undefined : this.#events.get(key); // a stream that was deleted counts anew
    const row = before?.row ?? this.row(key, news);
    const worst = news.state === "closed" && before ? before.worst : news;
    this.#events.set(key, { row, worst });
    this.fill(row, news, worst);
    if (!before) $("news").prepend(row);
  }

  draw() {
    while ($("news").children.length > SHOWN) $("news").lastChild.remove();
    for (const [key, { row }] of this.#events) if (!row.isConnected) this.#events.delete(key);
    $("news-empty").hidden = this.#events.size > 0;
    this.allow();
  }

  /** Return a new row. What is told of its event changes; its buttons stay, since one made again would miss a click. */
  row(key, { stream, number }) {
    const name = `event ${number} of ${stream}`;
    const see = make("button", { type: "button", "aria-label": `Show ${stream}`, on: { click: () => this.choose(stream) } }, make("bdi", {}, stream));
    const judge = (text, verdict) => {
      const button = make("button", { type: "button", "aria-label": `${text}: ${name}`, "aria-pressed": "false", on: { click: () => this.judge(key, verdict) } }, text);
      button.dataset.needs = "teach";
      button.dataset.verdict = verdict;
      return button;
    };
    return make(
      "li",
      {},
      make("div", { class: "what" }, see, make("span", { class: "note state" })),
      make("p", { class: "came" }),
      make("p", { class: "note rarity" }),
      make("div", { class: "row" }, judge("Normal", "normal"), judge("Anomaly", "anomaly"), make("span", { class: "note", role: "status" })),
    );
  }

  fill(row, { state, muted }, worst) {
    row.className = `${state}${muted ? " muted" : ""}`;
    row.querySelector(".state").textContent = [when(worst), !isText(worst) && STATES[state], muted && "muted"].filter(Boolean).join(", ");
    row.querySelector(".came").textContent = came(worst);
    row.querySelector(".rarity").textContent = [meant(worst), rarity(worst)].filter(Boolean).join("; ");
  }

  async judge(key, verdict) {
    const [stream, event] = JSON.parse(key);
    const { row } = this.#events.get(key);
    const said = row.querySelector("[role=status]");
    try {
      await this.session.call("POST", "/v1/feedback", { json: { stream, event, verdict } });
      said.textContent = verdict === "normal" ? "no news from now on" : "kept as news";
      for (const button of row.querySelectorAll("[data-verdict]")) button.setAttribute("aria-pressed", button.dataset.verdict === verdict);
    } catch (error) {
      said.textContent = told(error);
    }
  }
}

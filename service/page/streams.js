// Streams that are watched: which there are, and the chosen one with its last rows.

import { Chart } from "./chart.js";
import { $, ask, make } from "./dom.js";
import { count, whole } from "./format.js";
import { NewsPanel } from "./news.js";
import { told } from "./session.js";
import { ALARM, alone, came, expected, rarity, sentence, when } from "./telling.js";

const LIST_SECONDS = 2; // between two looks; longer where there are many streams, or many who look
const ROWS_SECONDS = 1;
const KEPT = 256; // rows, as the server keeps
const MOST = 100; // names that are listed at once
const FEW = 8; // streams, which need no search
const LINES = 30; // lines that were news
const KINDS = { lines: "lines", values: "values", several: "several values", events: "events of JSON" };
const HOUR = 3_600_000; // milliseconds

export class StreamsPanel {
  #streams = new Map();
  #items = new Map(); // of the list, by name
  #chosen = null;
  #shown = null; // the chosen stream, as the rows show it
  #rows = [];
  #listed = -Infinity; // seconds, as the next
  #looked = -Infinity;
  #isSeen = false;

  constructor(session, allow) {
    Object.assign(this, { session, allow });
    this.news = new NewsPanel(session, allow, (name) => this.choose(name));
    this.chart = new Chart($("streams-chart"), (row) => ($("streams-row").textContent = row === undefined ? "" : sentence(row)));
    $("streams-search").addEventListener("input", () => this.draw());
    $("streams-value").addEventListener("change", () => this.trace(false));
    $("streams-rows").addEventListener("toggle", () => this.tabulate());
    $("streams-mute").addEventListener("click", () => this.mute());
    $("streams-delete").addEventListener("click", () => this.remove());
    new IntersectionObserver(([{ isIntersecting }]) => (this.#isSeen = isIntersecting)).observe($("p-streams"));
  }

  /** Begin anew, as after a restart of the server. */
  async begin() {
    this.#listed = this.#looked = performance.now() / 1000;
    await Promise.all([this.list(), this.news.list()]);
    await this.lookCloser();
  }

  heard(news) {
    this.news.heard(news);
    if (!this.#streams.has(news.stream)) this.#listed = -Infinity;
  }

  /** Ask for what is new, if it is time. */
  async look({ listeners }) {
    const now = performance.now() / 1000;
    if (now - this.#listed > Math.max(LIST_SECONDS, (listeners * this.#streams.size) / 100)) {
      this.#listed = now;
      await this.list();
    }
    if (this.#isSeen && now - this.#looked > Math.max(ROWS_SECONDS, listeners / 10)) {
      this.#looked = now;
      await this.lookCloser();
    }
  }

  async list() {
    const found = [];
    for (let page = { next: "" }; page.next !== null; found.push(...page.data)) {
      page = await this.session.get(`/v1/streams?limit=1000&after=${encodeURIComponent(page.next)}`);
    }
    this.#streams = new Map(found.map((stream) => [stream.name, stream]));
    if (!this.#streams.has(this.#chosen)) this.choose(this.#streams.keys().next().value ?? null);
    this.draw();
  }

  draw() {
    const streams = [...this.#streams.values()];
    const sought = $("streams-search").value.toLowerCase();
    const found = streams.filter(({ name }) => name.toLowerCase().includes(sought));
    for (const name of this.#items.keys()) if (!this.#streams.has(name)) this.#items.delete(name);
    $("p-streams").hidden = !streams.length;
    $("streams-search").parentElement.hidden = streams.length <= FEW;
    $("streams-count").textContent = found.length > MOST ? `${whole(MOST)} of ${whole(found.length)}: search for others` : found.length ? "" : "No stream has such a name.";
    const items = found.slice(0, MOST).map((stream) => this.item(stream));
    const box = $("streams");
    if (items.length !== box.children.length || items.some((item, at) => item !== box.children[at])) box.replaceChildren(...items);
  }

  /** Return the item of a stream, changed where it is. */
  item(stream) {
    const { name } = stream;
    let item = this.#items.get(name);
    if (item === undefined) {
      const button = make("button", { type: "button", on: { click: () => this.choose(name) } }, make("bdi", {}, name), make("span", { class: "note" }));
      item = make("li", {}, button);
      this.#items.set(name, item);
    }
    const isOpen = ["values", "several"].includes(stream.kind) && ["open", "worse"].includes(stream.last_event?.state); // others never end
    item.className = isOpen ? "open" : "";
    item.firstChild.setAttribute("aria-current", name === this.#chosen);
    item.querySelector(".note").textContent = stream.ready ? `score ${stream.score.toFixed(2)}${isOpen ? ", news" : ""}` : `${count(stream.remaining, "row")} to go`;
    return item;
  }

  choose(name) {
    if (name === this.#chosen) return;
    this.#chosen = name;
    this.#shown = null;
    this.#rows = [];
    $("streams-name").textContent = name ?? "";
    $("streams-rows").open = false;
    $("streams-answer").textContent = "";
    this.draw();
    const problem = (error) => ($("streams-answer").textContent = told(error));
    Promise.all([this.lookCloser(), this.news.look(name)]).catch(problem);
  }

  /** Ask how the chosen stream is, and for the rows that came since. */
  async lookCloser() {
    const name = this.#chosen;
    if (name === null) return;
    try {
      const stream = await this.session.get(place(name));
      const before = this.#shown?.rows ?? 0;
      const last = stream.rows < before ? KEPT : Math.min(KEPT, stream.rows - before);
      const { data } = last ? await this.session.get(`/v1/rows?last=${last}&stream=${encodeURIComponent(name)}`) : { data: [] };
      if (name !== this.#chosen) return;
      const first = data[0]?.row ?? Infinity;
      this.#rows = [...this.#rows.filter(({ row }) => row < first), ...data].slice(-KEPT);
      this.tell(stream, this.#shown === null || last > 0);
      this.#shown = stream;
    } catch (error) {
      if (error.status !== 404) throw error;
      this.#listed = -Infinity; // somebody has deleted it
    }
  }

  tell(stream, isNew) {
    const { name, kind, rows, ready, remaining } = stream;
    const isOfLines = kind === "lines" || kind === "events";
    const until = this.muted(stream)?.end;
    const alarms = `${count(stream.alarms, "event")} (${stream.alarms_in_1000.toFixed(1)} in 1,000 rows)`;
    const facts = [`${count(rows, "row")} of ${KINDS[kind]}`, ready ? alarms : `${count(remaining, "row")} until it says anything`];
    if (until) facts.push(`muted until ${new Date(until).toLocaleString()}`);
    $("streams-facts").textContent = facts.join(", ");
    $("streams-mute").textContent = until ? "End the mute" : "Mute for an hour";
    $("streams-legend").hidden = isOfLines;
    $("streams-chart").setAttribute("aria-label", `The last rows of ${name}`);
    $("streams-lines").hidden = !isOfLines;
    if (!isNew) return;
    this.offer();
    this.trace(isOfLines);
    const lines = isOfLines ? this.#rows.filter(({ score }) => score >= ALARM).slice(-LINES) : [];
    const shown = lines.map((row) => make("li", {}, make("span", { class: "note" }, `${when(row)}, ${row.bits.toFixed(1)} bits`), came(row)));
    $("streams-lines").firstElementChild.replaceChildren(...(shown.length ? shown : [make("li", { class: "note" }, "No line was news lately.")]));
  }

  /** Offer the several values of the rows; at first choose what spoke loudest in the last event. */
  offer() {
    const select = $("streams-value");
    const names = [...new Set(this.#rows.flatMap(({ values }) => Object.keys(values ?? {})))];
    select.parentElement.hidden = !names.length;
    if (names.length === select.options.length && names.every((name, at) => name === select.options[at].value)) return;
    const loudest = Object.keys(this.#rows.findLast(({ event }) => event !== null)?.why ?? {})[0] ?? "";
    const before = names.includes(select.value) ? select.value : names.find((name) => loudest.startsWith(`${name}: `));
    select.replaceChildren(...names.map((name) => make("option", { value: name, selected: name === before }, name)));
  }

  /** Draw the rows; of several values the chosen one. */
  trace(isOfLines) {
    const name = $("streams-value").value;
    this.chart.draw(this.#rows.map((row) => (row.values === null ? row : alone(row, name))), isOfLines);
  }

  /** Write the rows as a table when a person opens it. It then stays, so that it can be read. */
  tabulate() {
    if (!$("streams-rows").open) return;
    const names = ["When", "What", "Expected", "How rare", "Event"];
    const cells = (row) => [when(row), came(row), expected(row), rarity(row), row.event === null ? "" : `${row.event.number}: ${row.event.state}`];
    const body = this.#rows.toReversed().map((row) => make("tr", {}, ...cells(row).map((each) => make("td", {}, each))));
    const head = make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name)));
    const caption = make("caption", {}, `The last ${count(body.length, "row")}, the newest first, as of ${new Date().toLocaleTimeString()}`);
    $("streams-table").replaceChildren(make("table", {}, caption, make("thead", {}, head), make("tbody", {}, ...body)));
  }

  /** Return the time of maintenance that a stream is in. */
  muted({ maintenance, last_row_at: last }) {
    const now = clock(last);
    return maintenance.find(({ begin, end }) => Date.parse(begin) <= now && now < Date.parse(end));
  }

  mute() {
    return this.act(async (path) => {
      const stream = await this.session.get(path);
      const now = clock(stream.last_row_at);
      const muted = this.muted(stream);
      const others = stream.maintenance.filter((each) => each !== muted && Date.parse(each.end) > now);
      const begun = { begin: new Date(now).toISOString(), end: new Date(now + HOUR).toISOString() };
      await this.session.call("PATCH", path, { json: { maintenance: muted ? others : [...others, begun] } });
      return muted ? "It learns, and calls again." : "For an hour it learns nothing, and nobody is called.";
    });
  }

  async remove() {
    const name = this.#chosen;
    const text = `What ${name} has learnt will be gone for good. The next rows of this name begin a new one.`;
    if ((await ask("Delete the stream?", text, "Delete")) === null) return;
    await this.act(async () => {
      await this.session.call("DELETE", place(name));
      return `${name} is deleted.`;
    });
  }

  async act(asked) {
    try {
      const done = await asked(place(this.#chosen));
      await this.list();
      await this.lookCloser();
      $("streams-answer").textContent = done;
    } catch (error) {
      $("streams-answer").textContent = told(error);
    }
  }
}

const place = (name) => `/v1/streams/${encodeURIComponent(name)}`;

/** Return what time it is for a stream: that of its last row, where it tells of other days. */
function clock(last) {
  const now = Date.now();
  return last === null || Math.abs(Date.parse(last) - now) < 24 * HOUR ? now : Date.parse(last);
}

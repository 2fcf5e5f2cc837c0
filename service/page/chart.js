// The chart of a stream: its values within what was expected, a strip of scores below, and its events.

import { whole } from "./format.js";
import { ALARM, number, sentence } from "./telling.js";

const [LEFT, RIGHT, TOP, GAP] = [56, 10, 10, 12]; // pixels, as all of these
const [VALUES, SCORES, TIMES] = [190, 34, 20];
const MARK = 5;
const TICKS = 4; // about so many, of values and of times

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export class Chart {
  #rows = [];
  #picked = null; // the number of a row that a person looks at
  #width = 0;

  /** `looked` is called with the row that a person looks at; with the last one where it is none. */
  constructor(box, looked) {
    Object.assign(this, { box, looked });
    box.addEventListener("pointermove", (event) => this.point(event));
    box.addEventListener("pointerdown", (event) => this.point(event));
    box.addEventListener("pointerleave", () => document.activeElement === box || this.pick(null));
    box.addEventListener("focus", () => this.pick(this.#picked ?? this.#rows.at(-1)?.row ?? null));
    box.addEventListener("blur", () => this.pick(null));
    box.addEventListener("keydown", (event) => this.step(event));
    new ResizeObserver(() => box.clientWidth === this.#width || this.draw(this.#rows, this.isOfLines)).observe(box);
  }

  draw(rows, isOfLines) {
    this.#rows = rows;
    this.#width = this.box.clientWidth;
    this.isOfLines = isOfLines;
    this.floor = TOP + (isOfLines ? 0 : VALUES); // of the values
    this.base = this.floor + GAP + SCORES; // of the scores
    const [width, height] = [this.#width, this.base + TIMES];
    const about = this.scale();
    const drawn = isOfLines ? this.marks() : [...this.grid(about), this.band(about), this.line("expected"), this.line("value"), ...this.marks()];
    this.cursor = svg("line", { class: "cursor", y1: TOP, y2: this.base });
    this.box.replaceChildren(svg("svg", { width, height, viewBox: `0 0 ${width} ${height}` }, ...this.scores(), ...this.times(), ...drawn, this.cursor));
    this.pick(this.#picked);
  }

  x(index) {
    return LEFT + ((index + 0.5) * (this.#width - LEFT - RIGHT)) / Math.max(1, this.#rows.length);
  }

  /** Choose from where to where the values are shown: all values, and of the bounds as much as leaves these room. */
  scale() {
    const of = (...names) => this.#rows.flatMap((row) => names.map((name) => row[name])).filter((each) => typeof each === "number");
    const shown = of("value", "expected");
    if (this.isOfLines || !shown.length) {
      this.y = () => this.floor;
      return null;
    }
    let [low, high] = [Math.min(...shown), Math.max(...shown)];
    const room = (high - low || Math.abs(high) || 1) / 2;
    [low, high] = [Math.max(low - room, Math.min(low, ...of("low"))), Math.min(high + room, Math.max(high, ...of("high")))];
    const edge = 0.05 * (high - low) || room;
    [low, high] = [low - edge, high + edge];
    this.y = (value) => Math.max(TOP, Math.min(this.floor, this.floor - (VALUES * (value - low)) / (high - low)));
    return [low, high];
  }

  *grid(about) {
    if (about === null) return;
    const [low, high] = about;
    const rough = (high - low) / TICKS;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((each) => each * power >= rough);
    for (let tick = Math.ceil(low / step); tick * step <= high; tick++) {
      const y = this.y(tick * step);
      yield svg("line", { class: "grid", x1: LEFT, x2: this.#width - RIGHT, y1: y, y2: y });
      yield svg("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, number(tick * step));
    }
  }

  /** Shade what would have been no news, to the edge where there is no bound. */
  band() {
    const shapes = runs(this.#rows, (row) => row.low !== null || row.high !== null).map(([first, end]) => {
      const places = Array.from({ length: end - first }, (_, place) => first + place);
      const top = places.map((at) => `${this.x(at)} ${this.#rows[at].high === null ? TOP : this.y(this.#rows[at].high)}`);
      const bottom = places.map((at) => `${this.x(at)} ${this.#rows[at].low === null ? this.floor : this.y(this.#rows[at].low)}`);
      return `M${[...top, ...bottom.reverse()].join("L")}Z`;
    });
    return svg("path", { class: "band", d: shapes.join("") });
  }

  line(name) {
    const pieces = runs(this.#rows, (row) => row[name] !== null).map(([first, end]) => {
      const points = this.#rows.slice(first, end).map((row, place) => `${this.x(first + place)} ${this.y(row[name])}`);
      return `M${points.join("L")}${points.length === 1 ? "h0" : ""}`;
    });
    return svg("path", { class: name, d: pieces.join("") });
  }

  *scores() {
    const wide = Math.max(1, this.x(1) - this.x(0) - 0.5);
    const bar = ({ score }, at) => `M${this.x(at) - wide / 2} ${this.base}v${-score * SCORES}h${wide}V${this.base}Z`;
    const bars = (isNews) => this.#rows.map((row, at) => (row.score >= ALARM === isNews ? bar(row, at) : "")).join("");
    const alarm = this.base - ALARM * SCORES;
    yield svg("path", { class: "score", d: bars(false) });
    yield svg("path", { class: "score news", d: bars(true) });
    for (const [y, kind] of [[this.base, "grid"], [alarm, "alarm"]]) yield svg("line", { class: kind, x1: LEFT, x2: this.#width - RIGHT, y1: y, y2: y });
    yield svg("text", { x: LEFT - 8, y: alarm + 4, "text-anchor": "end" }, "score");
  }

  *times() {
    const rows = this.#rows;
    const isLong = rows.length && new Date(rows.at(-1).at) - new Date(rows[0].at) > 86_400_000;
    const told = ({ at, row }) => (at === null ? `row ${whole(row)}` : isLong ? new Date(at).toLocaleDateString() : new Date(at).toLocaleTimeString());
    const last = Math.min(TICKS, Math.floor(this.#width / 120), rows.length) - 1;
    for (let tick = 0; tick <= last; tick++) {
      const at = last ? Math.round((tick * (rows.length - 1)) / last) : 0;
      const anchor = tick === 0 ? "start" : tick === last ? "end" : "middle";
      const x = tick === 0 ? LEFT : tick === last ? this.#width - RIGHT : this.x(at);
      yield svg("text", { x, y: this.base + 15, "text-anchor": anchor }, told(rows[at]));
    }
  }

  /** Mark events by their shape: a disc where one opens, a triangle where it got worse, a ring where it is over. */
  *marks() {
    for (const [at, row] of this.#rows.entries()) {
      if (row.event === null) continue;
      const [x, y] = [this.x(at), typeof row.value === "number" ? this.y(row.value) : this.base - row.score * SCORES];
      const { state } = row.event;
      if (state === "worse") yield svg("path", { class: "mark worse", d: `M${x} ${y - MARK - 2}l${MARK + 1} ${2 * MARK}h${-2 * MARK - 2}Z` });
      else yield svg("circle", { class: `mark ${state}`, cx: x, cy: y, r: MARK });
    }
  }

  point(event) {
    const across = event.clientX - this.box.getBoundingClientRect().left - LEFT;
    const at = Math.floor((across * this.#rows.length) / (this.#width - LEFT - RIGHT));
    this.pick(this.#rows[Math.max(0, Math.min(this.#rows.length - 1, at))]?.row ?? null);
  }

  /** Go along the rows with arrows, from event to event with page up and down, and to the ends. */
  step(event) {
    const rows = this.#rows;
    const now = rows.findIndex(({ row }) => row === this.#picked);
    const isNews = ({ event: told }) => told !== null;
    const places = {
      ArrowLeft: now - 1,
      ArrowDown: now - 1,
      ArrowRight: now + 1,
      ArrowUp: now + 1,
      Home: 0,
      End: rows.length - 1,
      PageDown: rows.slice(0, now).findLastIndex(isNews),
      PageUp: now + 1 + rows.slice(now + 1).findIndex(isNews),
    };
    if (!(event.key in places)) return;
    event.preventDefault();
    this.pick(rows[Math.max(0, Math.min(rows.length - 1, places[event.key]))]?.row ?? null);
  }

  pick(row) {
    const at = this.#rows.findIndex((each) => each.row === row);
    this.#picked = at < 0 ? null : row;
    this.cursor?.setAttribute("visibility", at < 0 ? "hidden" : "visible");
    for (const end of ["x1", "x2"]) this.cursor?.setAttribute(end, this.x(Math.max(0, at)));
    const looked = this.#rows.at(at < 0 ? -1 : at);
    this.looked(looked);
    if (looked === undefined) return;
    const values = { min: this.#rows[0].row, max: this.#rows.at(-1).row, now: looked.row, text: sentence(looked) };
    for (const [name, value] of Object.entries(values)) this.box.setAttribute(`aria-value${name}`, value);
  }
}

/** Return from where to where rows are such ones, without a break. */
function runs(rows, are) {
  const found = [];
  for (const [at, row] of rows.entries()) {
    if (!are(row)) continue;
    if (found.at(-1)?.[1] === at) found.at(-1)[1] = at + 1;
    else found.push([at, at + 1]);
  }
  return found;
}

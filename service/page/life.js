// The line of the net's life: surprise and accuracy, beside what bzip2 and xz reach on the same text.

import uPlot from "/page/vendor/uPlot.esm.js";
import { $, color, make } from "./dom.js";
import { percent, short, whole } from "./format.js";

const LEAST_SECONDS = 2; // between two looks; longer where many listen, so that all together look ten times a second
const ANCHORS_SECONDS = 5; // between two looks at the anchors, while they are of a tenth less than there is
const MOST_MEASURED = 2 ** 20; // tokens, which the server compresses
const HORIZON = 1000; // tokens that a moving figure looks back on, as those above the line do

export class LifePanel {
  #asked = 0; // seconds, as all of these
  #askedAnchors = 0;
  #seen = -1; // tokens at the last look
  #anchors = { tokens: 0, anchors: [] };

  constructor(session) {
    this.session = session;
    new ResizeObserver(() => this.chart?.setSize(this.size())).observe($("life"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  begin(net) {
    this.unit = net.vocabulary === "bytes" ? "byte" : "token";
    $("p-life").hidden = net.vocabulary === null;
    this.#asked = -Infinity;
    this.#askedAnchors = -Infinity;
    this.#anchors = { tokens: 0, anchors: [] };
    this.#seen = -1;
  }

  /** Ask for what is new, if there is any and it is time. */
  async look(net) {
    const now = performance.now() / 1000;
    const isStale = this.#anchors.tokens < 0.9 * Math.min(net.tokens_seen, MOST_MEASURED) && now - this.#askedAnchors > ANCHORS_SECONDS;
    if (net.vocabulary === null || (net.tokens_seen === this.#seen && !isStale)) return;
    if (now - this.#asked < Math.max(LEAST_SECONDS, net.listeners / 10)) return;
    this.#asked = now;
    this.#seen = net.tokens_seen;
    if (isStale) {
      this.#askedAnchors = now;
      this.#anchors = await this.session.get("/v1/net/anchors");
    }
    this.history = await this.session.get("/v1/net/history");
    this.draw();
  }

  size() {
    return { width: $("life").clientWidth, height: $("life").clientHeight };
  }

  draw() {
    const { history } = this;
    if (!history) return;
    const mark = (name) => this.#anchors.anchors.find((anchor) => anchor.name === name)?.bits;
    const line = (name) => history.tokens.map(() => mark(name) ?? null);
    this.moving = { surprise: moving(history, "surprise"), accuracy: moving(history, "accuracy") };
    const data = [history.tokens, this.moving.surprise, this.moving.accuracy, line("bzip2"), line("xz")];
    this.chart?.destroy();
    this.chart = new uPlot(this.options(), data, $("life"));
    this.tell(mark);
  }

  tell(mark) {
    const { tokens } = this.history;
    const { surprise, accuracy } = this.moving;
    const row = (kind, text) => make("li", { class: kind }, text);
    const rows = tokens.length ? [row("surprise", `surprise ${surprise.at(-1).toFixed(2)} bits a ${this.unit}`), row("accuracy", `accuracy ${percent(accuracy.at(-1))}`)] : [];
    for (const name of ["bzip2", "xz"]) if (mark(name) !== undefined) rows.push(row(name, `${name} ${mark(name).toFixed(2)}`));
    $("life-legend").replaceChildren(...rows);
    const measured = this.#anchors.tokens;
    const known = `bzip2 and xz were measured here, on the last ${whole(measured)} ${this.unit}s that it learnt from`;
    $("life-note").textContent = measured ? known : tokens.length ? "" : "The line begins with the first text that it learns.";
    $("life").setAttribute("aria-label", `${rows.map((each) => each.textContent).join(", ")}. ${$("life-note").textContent}`);
  }

  options() {
    const axis = { stroke: color("muted"), grid: { stroke: color("line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    const series = (name, scale, extra) => ({ label: name, scale, spanGaps: true, points: { show: this.history.tokens.length < 2 }, ...extra });
    const ink = color("ink");
    return {
      ...this.size(),
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 6 } },
      scales: { x: { time: false }, bits: { range: (_, low, high) => [0, Math.max(1, high ?? 8)] }, share: { range: [0, 1] } },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map(short) },
        { ...axis, scale: "bits", size: 52, incrs: [0.5, 1, 2, 5], values: (_, ticks) => ticks.map((tick) => (tick === 1 ? "1 bit" : `${tick} bits`)) },
        { ...axis, scale: "share", side: 1, size: 48, grid: { show: false }, values: (_, ticks) => ticks.map(percent) },
      ],
      series: [
        {},
        series("surprise", "bits", { stroke: color("accent"), width: 2 }),
        series("accuracy", "share", { stroke: color("warm"), width: 1.5 }),
        series("bzip2", "bits", { stroke: ink, width: 1.5, dash: [7, 5] }),
        series("xz", "bits", { stroke: ink, width: 1.5, dash: [2, 4] }),
      ],
    };
  }
}

/** Return the moving means of a column, as of the last 1,000 tokens or so: a point may be of very few. */
function moving({ tokens, interval, ...columns }, name) {
  const keep = Math.exp(-interval / HORIZON);
  let [weight, sum] = [0, 0];
  return columns[name].map((value) => {
    weight = keep * weight + 1;
    sum = keep * sum + value;
    return sum / weight;
  });
}

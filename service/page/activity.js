// What goes on in the net: what it expects, which dendrites are heard, which neurons fire, its weights from afar.

import { $, ask, bar, color, make } from "./dom.js";
import { percent, shown, whole } from "./format.js";
import { told } from "./session.js";

const DENDRITES = 12; // shown, of those that move the net most
const MOST_ASKED = 255; // a dendrite counts no further
const RASTER_ROWS = 160;
const MATRIX_SECONDS = 5; // between two looks; longer where many listen

export function drawExpected(expected) {
  $("p-expected").hidden = expected === null;
  if (expected === null) return;
  const row = ({ token, text, probability }) =>
    make(
      "li",
      {},
      make("span", { class: "token" }, text === "\ufffd" ? `‹${token.toString(16).padStart(2, "0")}›` : shown(text) || `‹${token}›`),
      bar(probability),
      make("span", { class: "figure" }, percent(probability)),
    );
  const knowsNothing = expected.next[0].probability === expected.next.at(-1).probability && expected.next[0].probability < 0.1;
  $("expected-note").hidden = !knowsNothing;
  $("expected").replaceChildren(...(knowsNothing ? [] : expected.next.map(row)));
}

export function drawActivity(activity) {
  $("p-activity").hidden = activity === null;
  if (activity?.kind === "dendrites") drawDendrites(activity);
  else if (activity?.kind === "neurons") drawNeurons(activity);
}

function drawDendrites({ explanation }) {
  const said = [
    ...explanation.dendrites.map(({ context, gain, asked, bits }) => [context, gain.toFixed(3), asked === MOST_ASKED ? `${asked}+` : asked ? whole(asked) : "new", bits]),
    ...explanation.recalls.map(({ least, expects, bits }) => [`recall of ${least}`, "", expects === null ? "silent" : "", bits]),
  ].sort((a, b) => Math.abs(b[3]) - Math.abs(a[3]));
  const most = Math.max(1e-9, ...said.map((each) => Math.abs(each[3])));
  const row = ([name, gain, asked, bits]) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, name),
      make("td", { class: "bars" }, bar(Math.abs(bits) / most, bits < 0 ? "away" : "")),
      make("td", { class: "figure" }, bits.toFixed(2)),
      make("td", { class: "figure" }, gain),
      make("td", { class: "figure" }, asked),
    );
  const names = ["Dendrite", "", "Bits", "Gain", "Asked"];
  const head = names.map((name, i) => (name ? make("th", { scope: "col", class: i > 1 ? "figure" : "" }, name) : make("td")));
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...said.slice(0, DENDRITES).map(row)));
  $("activity").replaceChildren(table);
  $("activity-note").textContent = "how far each dendrite moves it towards what it expects most, or away from it";
}

function drawNeurons({ neurons, firings }) {
  const last = firings.at(-1);
  if ($("activity").firstChild?.tagName !== "CANVAS") $("activity").replaceChildren(make("canvas", { class: "raster", role: "img" }));
  const canvas = $("activity").firstChild;
  const rows = Math.min(RASTER_ROWS, neurons);
  Object.assign(canvas, { width: 48, height: rows });
  const pen = canvas.getContext("2d");
  pen.fillStyle = color("accent");
  firings.forEach((firing, x) => {
    firing.neurons.forEach((neuron, i) => {
      pen.globalAlpha = 0.35 + 0.65 * firing.activity[i];
      pen.fillRect(x + 48 - firings.length, Math.floor((neuron * rows) / neurons), 1, 1);
    });
  });
  const note = last ? `${whole(last.neurons.length)} of ${whole(neurons)} neurons fired at tick ${whole(last.tick)}` : `${whole(neurons)} neurons, and none has fired`;
  canvas.setAttribute("aria-label", note);
  $("activity-note").textContent = `${note}; a column is a tick, the first neurons are above`;
}

/** What the outputs of a net of frames say: a row of the picture is an output, a column a tick. */
export class FramesPanel {
  #columns = [];

  add({ values }) {
    if (!values?.length) return;
    this.#columns.push(...values);
    this.#columns = this.#columns.slice(-240);
    if ($("text").firstChild?.tagName !== "CANVAS") $("text").replaceChildren(make("canvas", { class: "raster", role: "img" }));
    const canvas = $("text").firstChild;
    Object.assign(canvas, { width: 240, height: values[0].length });
    const pen = canvas.getContext("2d");
    pen.fillStyle = color("accent");
    this.#columns.forEach((column, x) => {
      column.forEach((value, y) => {
        pen.globalAlpha = value;
        pen.fillRect(x, y, 1, 1);
      });
    });
    const now = values.at(-1).slice(0, 8).map((value) => value.toFixed(2)).join(", ");
    canvas.setAttribute("aria-label", `The outputs say ${now}`);
    $("letter").textContent = `now ${now}`;
    $("text-empty").hidden = true;
  }
}

export class MatrixPanel {
  #drawn = null; // the tick of what is shown
  #asked = 0;

  constructor(session) {
    this.session = session;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    $("resize").addEventListener("click", () => this.resize());
  }

  begin(net) {
    this.#drawn = null;
    $("resize").hidden = net.lines === null;
  }

  /** Ask how many lines the net is to have, and give it more, or take some away. */
  async resize() {
    const { lines, max_lines: most } = await this.session.get("/v1/net");
    const text = `It has ${whole(lines)}, and takes up to ${whole(most)} as it needs them. With more at once it says the same; with fewer it keeps those that it used most.`;
    const answer = await ask("How many lines?", text, "Resize", String(lines), "Lines, a power of two");
    if (answer === null) return;
    try {
      const net = await this.session.call("POST", `/v1/net/${Number(answer) < lines ? "shrink" : "grow"}`, { json: { lines: Number(answer) } });
      $("resize-answer").textContent = `It has ${whole(net.lines)} lines, and takes ${whole(net.max_lines)} at most.`;
    } catch (error) {
      $("resize-answer").textContent = told(error);
    }
  }

  async look(net) {
    const now = performance.now() / 1000;
    if (this.isMissing || net.tick === this.#drawn || (this.#drawn !== null && now - this.#asked < Math.max(MATRIX_SECONDS, net.listeners / 3))) return;
    this.#asked = now;
    this.#drawn = net.tick;
    try {
      this.matrix = await this.session.get("/v1/net/matrix");
    } catch (error) {
      this.isMissing = error.status === 409;
      $("p-matrix").hidden = this.isMissing;
      if (!this.isMissing) throw error;
      return;
    }
    this.draw();
  }

  draw() {
    if (!this.matrix) return;
    const { cells, rows, columns, what } = this.matrix;
    const canvas = $("matrix");
    Object.assign(canvas, { width: cells[0].length, height: cells.length });
    const pen = canvas.getContext("2d");
    const most = Math.max(1e-9, ...cells.flat().map(Math.abs));
    cells.forEach((row, y) => {
      row.forEach((value, x) => {
        pen.fillStyle = color(value < 0 ? "warm" : "accent");
        pen.globalAlpha = Math.sqrt(Math.abs(value) / most);
        pen.fillRect(x, y, 1, 1);
      });
    });
    const seen = what === "gains" ? "gains. A row is a gate, of the 64 that are used most, and a column an input: how far it is heard" : "synapses. A row is the neuron that they come from, a column one that learns";
    $("matrix-note").textContent = `${whole(rows)} × ${whole(columns)} ${seen}. Green is above 0, orange below; the strongest is ${most.toFixed(2)}.`;
    canvas.setAttribute("aria-label", $("matrix-note").textContent);
  }
}

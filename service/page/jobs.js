// Jobs: how far each is, and its end.

import { $, make } from "./dom.js";
import { percent } from "./format.js";
import { told } from "./session.js";

const SHOWN = 20;

export class JobsPanel {
  #jobs = new Map();
  #rows = new Map();

  constructor(session, allow) {
    Object.assign(this, { session, allow });
    $("sleep").addEventListener("click", () => this.begin("jobs/sleep", {}));
    $("daydream").addEventListener("click", () => this.begin("daydream", {}));
  }

  async list() {
    const { data } = await this.session.get("/v1/jobs?limit=1000");
    this.#jobs = new Map(data.map((job) => [job.id, job]));
    this.#rows.clear();
    this.draw();
  }

  changed(job) {
    if (job.revision < this.#jobs.get(job.id)?.revision) return; // an answer that an event has overtaken
    this.#jobs.set(job.id, job);
    this.draw();
  }

  async begin(path, json) {
    await this.act(() => this.session.call("POST", `/v1/${path}`, { json }));
  }

  async act(asked) {
    $("jobs-problem").textContent = "";
    try {
      this.changed(await asked());
    } catch (error) {
      $("jobs-problem").textContent = told(error);
    }
  }

  draw() {
    const jobs = [...this.#jobs.values()].reverse().slice(0, SHOWN);
    const rows = jobs.map((job) => this.row(job));
    const shown = rows.length ? rows : [make("li", { class: "note" }, "None so far.")];
    const box = $("jobs");
    if (shown.length !== box.children.length || shown.some((row, i) => row !== box.children[i])) box.replaceChildren(...shown);
  }

  /** Return the row of a job, changed where it is: a button that was made again would miss a click. */
  row(job) {
    const name = `${job.kind} ${Number(job.id)}`;
    const isOpen = job.finished_at === null;
    let row = this.#rows.get(job.id);
    if (row === undefined) {
      const cancel = make("button", { type: "button", "aria-label": `Cancel ${name}`, on: { click: () => this.cancel(job.id) } }, "Cancel");
      cancel.dataset.needs = "teach";
      row = make(
        "li",
        {},
        make("div", { class: "what" }, make("span", {}, name), make("span", { class: "note" })),
        make("progress", { max: 1, "aria-label": `Progress of ${name}` }),
        make("div", { class: "row" }, cancel),
        make("ol", { class: "talks", "aria-label": `Talks of ${name}` }),
      );
      this.#rows.set(job.id, row);
      queueMicrotask(this.allow);
    }
    row.querySelector(".note").textContent = describe(job);
    row.querySelector("progress").value = job.progress;
    const talks = row.querySelector(".talks");
    talks.hidden = !job.result?.talks;
    if (!talks.hidden && !talks.children.length) talks.append(...job.result.talks.map(talk));
    row.querySelector("progress").hidden = row.querySelector(".row").hidden = !isOpen;
    return row;
  }

  cancel(id) {
    return this.act(() => this.session.call("POST", `/v1/jobs/${id}/cancel`));
  }
}

/** Return a talk of a daydream: what it went on from, and what is its own. */
function talk({ prompt, text, plausibility, novelty }) {
  const news = novelty === null ? "" : `, ${percent(novelty)} new`;
  return make("li", {}, make("span", { class: "note" }, `${plausibility.toFixed(2)} bits${news}`), make("p", {}, make("span", { class: "note" }, prompt), text));
}

function describe(job) {
  if (job.error) return `failed: ${job.error.detail ?? job.error.title}`;
  if (job.status === "running") return `${job.metrics.phase ?? ""} ${percent(job.progress)}`.trim();
  if (job.status === "succeeded" && job.result?.why) return `done: ${job.result.why}`;
  if (job.status !== "succeeded") return job.status;
  if (job.kind === "takeover") return `done: the net is what that of ${job.result.url} was; before it snapshot ${Number(job.result.before)}`;
  return job.result?.warning ? `done. ${job.result.warning}` : "done";
}

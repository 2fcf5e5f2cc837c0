// Jobs: how far each is, and its end.

import { $, make } from "./dom.js";
import { percent } from "./format.js";
import { told } from "./session.js";

const SHOWN = 20;

export class JobsPanel {
  #jobs = new Map();

  constructor(session, allow) {
    Object.assign(this, { session, allow });
    $("sleep").addEventListener("click", () => this.begin("sleep", {}));
  }

  async list() {
    const { data } = await this.session.get("/v1/jobs?limit=1000");
    this.#jobs = new Map(data.map((job) => [job.id, job]));
    this.draw();
  }

  changed(job) {
    this.#jobs.set(job.id, job);
    this.draw();
  }

  async begin(kind, json) {
    await this.act(() => this.session.call("POST", `/v1/jobs/${kind}`, { json }));
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
    const focused = document.activeElement?.dataset.job;
    const jobs = [...this.#jobs.values()].reverse().slice(0, SHOWN);
    $("jobs").replaceChildren(...(jobs.length ? jobs.map((job) => this.row(job)) : [make("li", { class: "note" }, "None so far.")]));
    if (focused) document.querySelector(`[data-job="${CSS.escape(focused)}"]`)?.focus();
    this.allow();
  }

  row(job) {
    const isOpen = job.finished_at === null;
    const what = make("div", { class: "what" }, make("span", {}, `${job.kind} ${Number(job.id)}`), make("span", { class: "note" }, describe(job)));
    if (!isOpen) return make("li", {}, what);
    const progress = make("progress", { max: 1, value: job.progress, "aria-label": `Progress of ${job.kind} ${Number(job.id)}` });
    const cancel = make("button", { type: "button", on: { click: () => this.act(() => this.session.call("POST", `/v1/jobs/${job.id}/cancel`)) } }, "Cancel");
    cancel.dataset.needs = "teach";
    cancel.dataset.job = job.id;
    cancel.setAttribute("aria-label", `Cancel ${job.kind} ${Number(job.id)}`);
    return make("li", {}, what, progress, make("div", { class: "row" }, cancel));
  }
}

function describe(job) {
  if (job.error) return `failed: ${job.error.detail ?? job.error.title}`;
  if (job.status === "running") return percent(job.progress);
  if (job.status === "succeeded" && job.kind === "sleep" && job.result?.changed === false) return `done: ${job.result.why}`;
  return job.status === "succeeded" ? "done" : job.status;
}

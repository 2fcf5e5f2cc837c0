// Other servers' nets: heard beside this one, taken over, or merged with.

import { $, ask, make } from "./dom.js";
import { bits, count } from "./format.js";
import { told } from "./session.js";

const SECONDS = 2; // between two looks

export class LinksPanel {
  #asked = -Infinity; // seconds

  constructor(session, allow, jobs) {
    Object.assign(this, { session, allow, jobs });
    $("link-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.act("It is heard from now on.", async () => {
        await this.session.call("POST", "/v1/links", { json: this.other() });
        $("link-url").value = $("link-key").value = "";
      });
    });
    $("link-become").addEventListener("click", () => this.become());
    $("link-merge").addEventListener("click", () => this.begin("merges", { peers: [this.other()] }));
  }

  /** Return the server that is named in the form. */
  other() {
    const key = $("link-key").value.trim();
    return { url: $("link-url").value.trim(), ...(key ? { key } : {}) };
  }

  async become() {
    const { url } = this.other();
    const text = `The net becomes what that of ${url} is. What it is now is saved first, so that you can come back.`;
    if ((await ask("Become another net?", text, "Become it")) !== null) await this.begin("takeovers", this.other());
  }

  begin(what, json) {
    return this.act("It is among the jobs.", async () => this.jobs.changed(await this.session.call("POST", `/v1/${what}`, { json })));
  }

  async act(done, asked) {
    try {
      await asked();
      await this.list();
      $("links-answer").textContent = done;
    } catch (error) {
      $("links-answer").textContent = told(error);
    }
  }

  /** Ask how the links are, where there are any and it is time. */
  async look() {
    const now = performance.now() / 1000;
    if (now - this.#asked < SECONDS || !$("links").hasChildNodes()) return;
    this.#asked = now;
    await this.list();
  }

  async list() {
    const { data } = await this.session.get("/v1/links");
    $("links").replaceChildren(...data.map((link) => this.row(link)));
    const chosen = $("talk-link").value;
    $("talk-link").replaceChildren(make("option", { value: "" }, "alone"), ...data.map(({ id, url }) => make("option", { value: id }, `with ${url}`)));
    if (data.some(({ id }) => id === chosen)) $("talk-link").value = chosen;
    $("talk-with").hidden = data.length === 0;
    this.allow();
  }

  row(link) {
    const { id, url, state, why, tokens, missed, last_1000: last } = link;
    const figures = last === null ? "nothing heard yet" : `alone ${bits(last.own)}, the other ${bits(last.other)}, both ${bits(last.both)} of the last ${count(Math.min(1000, tokens), "token")}`;
    const note = [state === "silent" ? `silent: ${why}` : figures, ...(missed ? [`${count(missed, "token")} missed`] : [])].join(", ");
    const cut = make("button", { type: "button", "aria-label": `Cut: ${url}`, on: { click: () => this.cut(id, url) } }, "Cut");
    cut.dataset.needs = "admin";
    return make("li", {}, make("div", { class: "what" }, make("span", {}, url), make("span", { class: "note" }, note)), make("div", { class: "row" }, cut));
  }

  async cut(id, url) {
    if ((await ask("Cut the link?", `The net goes on as if it had never heard ${url}.`, "Cut")) === null) return;
    await this.act("Cut.", () => this.session.call("DELETE", `/v1/links/${id}`));
  }
}

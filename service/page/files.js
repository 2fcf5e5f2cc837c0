// A file: stream it, so that the net learns it now, or keep it as a data set, to be dreamt of.

import { $, ask, make } from "./dom.js";
import { bytes, count, whole } from "./format.js";
import { Problem, told } from "./session.js";
import { newName } from "./talk.js";

const PIECE = 2 ** 14; // bytes in one input
const FORMATS = ["txt", "jsonl", "csv", "npz"];

const ending = (file) => file.name.split(".").pop().toLowerCase();

export class FilesPanel {
  #file = null;
  #sending = null;

  constructor(session, net, allow, jobs) {
    Object.assign(this, { session, net, allow, jobs });
    const drop = $("drop");
    $("file").addEventListener("change", () => this.choose($("file").files[0]));
    for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => this.over(event, true));
    drop.addEventListener("dragleave", (event) => this.over(event, false));
    drop.addEventListener("drop", (event) => {
      this.over(event, false);
      if (!$("file").disabled) this.choose(event.dataTransfer.files[0]);
    });
    $("file-stream").addEventListener("click", () => this.send((signal) => this.stream(signal)));
    $("file-upload").addEventListener("click", () => this.send((signal) => this.upload(signal)));
    $("file-stop").addEventListener("click", () => this.#sending?.abort());
  }

  over(event, isOver) {
    event.preventDefault();
    $("drop").classList.toggle("over", isOver);
  }

  choose(file) {
    if (!file) return;
    this.#file = file;
    $("file-name").textContent = `${file.name}, ${bytes(file.size)}`;
    $("file-chosen").hidden = false;
    $("file-columns").hidden = ending(file) !== "csv";
    $("file-answer").textContent = "";
  }

  async send(way) {
    const sending = new AbortController();
    this.#sending = sending;
    for (const name of ["file-stream", "file-upload"]) $(name).disabled = true;
    $("file-progress").hidden = $("file-stop").hidden = false;
    $("file-progress").value = 0;
    try {
      $("file-answer").textContent = await way(sending.signal);
    } catch (error) {
      const sent = this.sent ? ` ${whole(this.sent)} bytes were learnt.` : "";
      $("file-answer").textContent = (error.name === "AbortError" ? "Stopped." : told(error)) + sent;
    }
    this.sent = 0;
    $("file-progress").hidden = $("file-stop").hidden = true;
    for (const name of ["file-stream", "file-upload"]) $(name).disabled = false;
  }

  /** Send all of it in pieces, each under a name of its own, so that one that is sent again is learnt once. */
  async stream(signal) {
    const file = this.#file;
    if (file.size === 0) return "There is nothing in it.";
    const { vocabulary } = this.net();
    if (vocabulary === null || vocabulary.startsWith("symbols")) return "This net takes no text. Keep the file as a data set, and let it dream.";
    const name = newName();
    const decoder = new TextDecoder();
    let text = "";
    for (this.sent = 0; this.sent < file.size; ) {
      const piece = await file.slice(this.sent, this.sent + PIECE).arrayBuffer();
      const isLast = this.sent + piece.byteLength >= file.size;
      let json = { tokens: Array.from(new Uint8Array(piece)) };
      if (vocabulary !== "bytes") {
        text += decoder.decode(piece, { stream: !isLast });
        const word = Math.max(text.lastIndexOf(" "), text.lastIndexOf("\n")); // a token begins with its space
        const end = isLast || word <= 0 ? text.length : word;
        json = { text: text.slice(0, end) };
        text = text.slice(end);
      }
      if (json.text !== "") await this.learn(json, `${name}-${this.sent}`, signal);
      this.sent += piece.byteLength;
      $("file-progress").value = this.sent / file.size;
    }
    return `All ${whole(file.size)} bytes of ${file.name} were taken.`;
  }

  /** Send an input until it is taken: also while there is no room, and while the server restarts. */
  async learn(json, name, signal) {
    for (;;) {
      try {
        await this.session.fetch("POST", "/v1/inputs", { json, signal, headers: { "Idempotency-Key": name } });
        return;
      } catch (error) {
        const isPassing = error instanceof TypeError || (error instanceof Problem && [409, 429, 503].includes(error.status));
        if (!isPassing) throw error;
        await new Promise((resolve) => setTimeout(resolve, 1000 * (error.retryAfter ?? 1)));
        signal.throwIfAborted();
      }
    }
  }

  async upload(signal) {
    const body = new FormData();
    if (!FORMATS.includes(ending(this.#file))) body.append("format", "txt");
    if (ending(this.#file) === "csv") for (const name of ["inputs", "targets"]) body.append(name, $(`file-${name}`).value);
    body.append("file", this.#file);
    const { name, items } = await this.session.call("POST", "/v1/datasets", { body, signal });
    await this.list();
    return `${name} is kept: ${count(items, "item")}.`;
  }

  async list() {
    const { data } = await this.session.get("/v1/datasets?limit=1000");
    const row = ({ id, name, items, bytes: size }) => {
      const dream = make("button", { type: "button", on: { click: () => this.jobs.begin("jobs/dream", { dataset: id }) } }, "Dream of it");
      const remove = make("button", { type: "button", on: { click: () => this.remove(id, name) } }, "Delete");
      dream.dataset.needs = "teach";
      remove.dataset.needs = "admin";
      for (const button of [dream, remove]) button.setAttribute("aria-label", `${button.textContent}: ${name}`);
      const what = make("div", { class: "what" }, make("span", {}, name), make("span", { class: "note" }, `${count(items, "item")}, ${bytes(size)}`));
      return make("li", {}, what, make("div", { class: "row" }, dream, remove));
    };
    $("datasets").replaceChildren(...data.toReversed().map(row));
    this.allow();
  }

  async remove(id, name) {
    if ((await ask("Delete the data set?", `${name} will be gone. What the net has learnt of it stays.`, "Delete")) === null) return;
    try {
      await this.session.call("DELETE", `/v1/datasets/${id}`);
    } catch (error) {
      $("file-answer").textContent = told(error);
    }
    await this.list();
  }
}

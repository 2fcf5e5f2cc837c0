// Say something, which teaches, and let the net talk on, which does not.

import { $, make } from "./dom.js";
import { told } from "./session.js";
import { Utf8, letters } from "./text.js";

const MOST_SAID = 4000; // characters of a text at once

/** Return a name under which an input is learnt once, however often it is sent. */
export function newName() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class TalkPanel {
  constructor(session, net) {
    this.session = session;
    this.net = net; // returns the net as it was last told
    $("say").maxLength = MOST_SAID;
    $("say-form").addEventListener("submit", (event) => this.say(event));
    $("say").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("say-form").requestSubmit();
    });
    $("talk-form").addEventListener("submit", (event) => this.talk(event));
    $("talk-stop").addEventListener("click", () => this.talking?.abort());
    $("temperature").addEventListener("input", () => ($("temperature-value").textContent = $("temperature").value));
  }

  async say(event) {
    event.preventDefault();
    const text = $("say").value;
    if (!text) return;
    const isPaused = this.net().mode === "paused";
    const options = { json: { text }, headers: { "Idempotency-Key": newName() } };
    const answer = $("say-answer");
    try {
      const said = await this.session.call("POST", `/v1/inputs?wait=${!isPaused}&outputs=surprise`, options);
      answer.replaceChildren(...(isPaused ? ["It is paused, and will learn this once it is resumed."] : this.surprise(said.outputs)));
      $("say").value = "";
    } catch (error) {
      answer.textContent = told(error);
    }
  }

  surprise(outputs) {
    const utf8 = new Utf8();
    const isBytes = this.net().vocabulary === "bytes";
    const pieces = isBytes ? outputs.flatMap(({ token, surprise }) => utf8.add(token, surprise)).flatMap(([text, surprise]) => letters(text, surprise)) : [];
    const mean = outputs.reduce((sum, { surprise }) => sum + surprise, 0) / outputs.length;
    const unit = isBytes ? "byte" : "token";
    return [`Learnt. It was surprised by ${mean.toFixed(2)} bits a ${unit}. `, make("span", { class: "told" }, ...pieces.slice(0, 200), pieces.length > 200 ? "…" : "")];
  }

  async talk(event) {
    event.preventDefault();
    const prompt = $("prompt").value;
    const said = make("span");
    $("talk-answer").replaceChildren(make("span", { class: "given" }, prompt), said);
    $("talk-answer").hidden = false;
    $("talk-problem").textContent = "";
    $("talk-stop").hidden = false;
    this.talking?.abort();
    this.talking = new AbortController();
    const json = { prompt, temperature: Number($("temperature").value), max_tokens: 240, seed: Math.floor(Math.random() * 2 ** 31), stream: true, link: $("talk-link").value || null };
    try {
      const response = await this.session.fetch("POST", "/v1/generate", { json, signal: this.talking.signal });
      for await (const { event: name, data } of events(response)) {
        if (name === "token") said.append(data.text);
        if (name === "error") $("talk-problem").textContent = data.detail ?? data.title;
      }
    } catch (error) {
      if (error.name !== "AbortError") $("talk-problem").textContent = told(error);
    }
    $("talk-stop").hidden = true;
  }
}

/** Yield the server-sent events of a response. */
async function* events(response) {
  let rest = "";
  for (const reader = response.body.pipeThrough(new TextDecoderStream()).getReader(); ; ) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split(/\r?\n\r?\n/);
    rest = parts.pop();
    for (const part of parts) {
      const fields = Object.fromEntries(part.split(/\r?\n/).map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
      if (fields.data) yield { event: fields.event, data: JSON.parse(fields.data) };
    }
  }
}

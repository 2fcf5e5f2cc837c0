// Which net of the server the page shows: the address bar names it, and another one is another page.

import { $, make } from "./dom.js";

const MOST = 100; // in the list; of more, some are searched for

/** Go to the page of a net. `over` is whether the way back is not to lead here. */
export function go(name, over = false) {
  const address = name === "default" ? "/" : `/?net=${encodeURIComponent(name)}`;
  if (over) location.replace(address);
  else location.assign(address);
}

const sought = () => $("net-search").value.trim();

export class NetsChooser {
  constructor(session) {
    this.session = session;
    if (session.net !== "default") document.title = `${session.net} – RealNet`;
    $("net").addEventListener("change", () => go($("net").value));
    $("net-search").addEventListener("input", () => this.list().catch(() => {})); // the next sign asks again
    $("nets").addEventListener("submit", (event) => {
      event.preventDefault();
      if (sought()) go(sought());
    });
  }

  /** List the nets that the key is for, whose names begin so; return the names. Nothing is shown where there is no choice. */
  async list() {
    const prefix = sought();
    const { data, has_more: isPart } = await this.session.get(`/v1/nets?limit=${MOST}&prefix=${encodeURIComponent(prefix)}`);
    const names = data.map((net) => net.name);
    if (prefix !== sought()) return names; // what was typed since is asked for, too
    const shown = names.includes(this.session.net) ? names : [this.session.net, ...names];
    $("net").replaceChildren(...shown.map((name) => make("option", { value: name, selected: name === this.session.net }, name)));
    if (isPart) $("net-search").parentElement.hidden = false;
    if (shown.length > 1) $("nets").hidden = false;
    return names;
  }
}

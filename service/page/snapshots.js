// Snapshots: save, name, keep, download, restore, delete.

import { $, ask, make } from "./dom.js";
import { bytes, whole } from "./format.js";
import { told } from "./session.js";

export class SnapshotsPanel {
  constructor(session, allow) {
    Object.assign(this, { session, allow });
    $("snapshot-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const name = $("snapshot-name").value.trim();
      this.act("Saved.", async () => {
        await this.save(name || null);
        $("snapshot-name").value = "";
      });
    });
    $("snapshot-file").addEventListener("change", () => {
      const file = $("snapshot-file").files[0];
      $("snapshot-file").value = ""; // the same file may be chosen again
      if (file) this.act(`${file.name} is here. The net stays as it is until that is restored.`, () => this.upload(file));
    });
  }

  /** Send a file that was downloaded, here or elsewhere, to be restored. */
  upload(file) {
    return this.session.call("POST", `/v1/snapshots/upload?name=${encodeURIComponent(file.name.slice(0, 80))}`, {
      body: file,
      headers: { "Content-Type": "application/octet-stream" },
    });
  }

  save(name) {
    return this.session.call("POST", "/v1/snapshots", { json: { name, kept: true } });
  }

  async act(done, asked) {
    try {
      await asked();
      await this.list();
      $("snapshots-answer").textContent = done;
    } catch (error) {
      $("snapshots-answer").textContent = told(error);
    }
  }

  async list() {
    const { data } = await this.session.get("/v1/snapshots?limit=1000");
    $("snapshots").replaceChildren(...data.reverse().map((snapshot) => this.row(snapshot)));
    this.allow();
  }

  row(snapshot) {
    const { id, tick, name, kept, created_at, job } = snapshot;
    const source = job === null ? "" : /^\d+$/.test(job) ? `, of job ${Number(job)}` : `, ${job}`;
    const title = name ?? `at tick ${whole(tick)}`;
    const change = (json) => this.session.call("PATCH", `/v1/snapshots/${id}`, { json });
    const button = (text, needs, click) => {
      const made = make("button", { type: "button", "aria-label": `${text}: ${title}`, on: { click } }, text);
      if (needs) made.dataset.needs = needs;
      return made;
    };
    const details = `${name ? `tick ${whole(tick)}, ` : ""}${bytes(snapshot.bytes)}, ${new Date(created_at).toLocaleString()}${source}${kept ? ", kept" : ""}`;
    return make(
      "li",
      {},
      make("div", { class: "what" }, make("span", {}, title), make("span", { class: "note" }, details)),
      make(
        "div",
        { class: "row" },
        button("Restore", "admin", () => this.restore(snapshot, title)),
        button("Download", null, () => this.act("Downloaded.", () => this.download(snapshot))),
        button(kept ? "Let go" : "Keep", "admin", () => this.act(kept ? "It goes when there are newer ones." : "Kept.", () => change({ kept: !kept }))),
        button("Name", "admin", () => this.rename(name, change)),
        button("Delete", "admin", () => this.remove(snapshot, title)),
      ),
    );
  }

  async rename(before, change) {
    const name = await ask("Name the snapshot", "No name is one, too.", "Name it", before ?? "");
    if (name !== null) await this.act("Named.", () => change({ name: name.trim() || null }));
  }

  async restore({ id }, title) {
    const text = `The net goes back to ${title}: what it was taught since is undone. What it is now is saved first, so that you can come back.`;
    if ((await ask("Go back?", text, "Save, then restore")) === null) return;
    await this.act(`Restored ${title}. What was before is saved, too.`, async () => {
      await this.save("before a restore");
      await this.session.call("POST", `/v1/snapshots/${id}/restore`);
    });
  }

  async remove({ id }, title) {
    if ((await ask("Delete the snapshot?", `${title} will be gone for good.`, "Delete")) === null) return;
    await this.act("Deleted.", () => this.session.call("DELETE", `/v1/snapshots/${id}`));
  }

  /** Fetch it first: a link could not bring the key with it. */
  async download({ id, tick }) {
    const url = URL.createObjectURL(await (await this.session.fetch("GET", `/v1/snapshots/${id}/data`)).blob());
    const link = make("a", { href: url, download: `realnet-${id}-tick-${tick}.safetensors` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }
}

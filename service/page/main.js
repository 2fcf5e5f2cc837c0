// The page: who asks, what the stream tells, and which panel shows it.

import { FramesPanel, MatrixPanel, drawActivity, drawExpected } from "./activity.js";
import { $ } from "./dom.js";
import { FilesPanel } from "./files.js";
import { bits, bytes, percent, short, whole } from "./format.js";
import { JobsPanel } from "./jobs.js";
import { LifePanel } from "./life.js";
import { LinksPanel } from "./links.js";
import { NetsChooser, go } from "./nets.js";
import { Session, told } from "./session.js";
import { SnapshotsPanel } from "./snapshots.js";
import { Stream } from "./stream.js";
import { StreamsPanel } from "./streams.js";
import { TalkPanel } from "./talk.js";
import { TextPanel } from "./text.js";

const SCOPES = ["read", "teach", "admin"];
const NOTICE_SECONDS = 8;

const session = new Session();
const nets = new NetsChooser(session);
const text = new TextPanel(session);
const frames = new FramesPanel();
const life = new LifePanel(session);
const matrix = new MatrixPanel(session);
const jobs = new JobsPanel(session, allow);
const links = new LinksPanel(session, allow, jobs);
const snapshots = new SnapshotsPanel(session, allow);
const streams = new StreamsPanel(session, allow);
const files = new FilesPanel(session, () => net, allow, jobs);
new TalkPanel(session, () => net);

let me = null; // whom the server takes us for
let net = null; // as it was last told
let stream = null;
let shown = Promise.resolve(); // messages are shown one after the other
let fading = null;

/** Enable what the key may do. */
function allow() {
  for (const element of document.querySelectorAll("[data-needs]")) {
    const may = SCOPES.indexOf(me?.scope) >= SCOPES.indexOf(element.dataset.needs);
    element.disabled = !may;
    element.title = may ? "" : `This needs a key of scope ${element.dataset.needs}`;
  }
}

function notice(words, fades = false) {
  clearTimeout(fading);
  $("notice").textContent = words;
  $("notice").hidden = !words;
  if (fades) fading = setTimeout(() => notice(""), 1000 * NOTICE_SECONDS);
}

async function open() {
  $("keyhole").hidden = true;
  try {
    me = await session.get("/v1/me");
  } catch (error) {
    notice(`${told(error)} Trying again.`);
    setTimeout(open, 1000);
    return;
  }
  if (me.scope === null) {
    closed(session.key === null ? "" : "The server knows no such key.");
    return;
  }
  $("caller").textContent = me.keys_required ? `${me.name}: may ${{ merge: "merge", read: "read", teach: "read and teach", admin: "do everything" }[me.scope]}` : "";
  $("forget").hidden = session.key === null;
  allow();
  try {
    net = await session.get("/v1/net"); // which wakes it
  } catch (error) {
    if (error.status === 401) return;
    if ([403, 404].includes(error.status)) {
      await gone(error);
      return;
    }
    notice(`${told(error)} Trying again.`);
    nets.list().catch(() => {}); // another one may do
    setTimeout(open, 1000 * (error.retryAfter ?? 1));
    return;
  }
  $("live").hidden = false;
  notice("");
  try {
    stream = new Stream(session, { heard, lost, back, gone });
  } catch {
    closed("This key has signs that a browser cannot send with a stream. `realnet key create` makes one without.");
  }
}

/** Ask for a key, and say why. */
function closed(why) {
  session.key = null;
  stream?.close();
  stream = null;
  $("live").hidden = true;
  $("nets").hidden = true;
  $("keyhole").hidden = false;
  $("key-problem").textContent = why;
  $("mode").textContent = "a key is needed";
  delete $("mode").dataset.mode;
  $("key").value = "";
  $("key").focus();
}

/** Say why the net cannot be shown. Who named none is shown the first that the key is for. */
async function gone(error) {
  $("live").hidden = true;
  $("mode").textContent = "not shown";
  delete $("mode").dataset.mode;
  $("pause").hidden = true;
  const [first] = await nets.list().catch(() => []);
  if (session.net === "default" && first !== undefined && first !== "default") go(first, true);
  else notice(told(error));
}

session.onUnauthorized = () => closed("The key is no longer valid.");

function heard(message) {
  if (message.type === "hello") begin(message.net);
  else if (message.type === "watch") watched(message);
  else if (message.type === "outputs") show(message);
  else if (message.type === "event") happened(message);
}

function begin(now) {
  net = now;
  for (const panel of [text, life, matrix]) panel.begin(net);
  const isOfFrames = net.vocabulary === null;
  $("h-stream").textContent = isOfFrames ? "What its outputs say" : "What it hears";
  $("text-empty").textContent = isOfFrames ? "Nothing yet: send frames." : $("text-empty").textContent;
  document.querySelector(".legend").hidden = isOfFrames;
  $("live").classList.toggle("frames", isOfFrames);
  for (const name of ["surprise", "accuracy", "seen"]) $(`n-${name}`).parentElement.hidden = isOfFrames;
  $("h-say").closest("section").hidden = isOfFrames;
  $("n-seen-name").textContent = net.vocabulary === "bytes" ? "Bytes lived" : "Tokens lived";
  numbers();
  for (const panel of [jobs, snapshots, links, files, nets]) panel.list().catch(failed);
  streams.begin().catch(failed);
  lookCloser();
}

function watched(message) {
  net = message.net;
  numbers();
  drawExpected(message.expected);
  drawActivity(message.activity);
  $("thinks").textContent = message.thinks ?? "";
  lookCloser();
}

function lookCloser() {
  if (document.hidden) return;
  for (const panel of [life, matrix, links, streams]) panel.look(net).catch(failed);
}

function show(message) {
  shown = shown.then(() => (message.values ? frames : text).add(message)).catch(failed);
}

function happened(event) {
  if (event.name === "mode") mode(event.mode);
  if (event.name === "job") jobs.changed(event.job);
  if (event.name === "news") streams.heard(event.news);
  if (event.name === "snapshot") snapshots.list().catch(failed);
}

function numbers() {
  const unit = net.vocabulary === "bytes" ? "a byte" : "a token";
  mode(net.mode);
  $("about").textContent = `${net.preset}, ${short(net.neurons)} neurons`;
  $("n-surprise").textContent = net.surprise === null ? "–" : bits(net.surprise);
  $("n-surprise").title = `moving, ${unit}`;
  $("n-accuracy").textContent = net.accuracy === null ? "–" : percent(net.accuracy);
  $("n-seen").textContent = short(net.tokens_seen);
  $("n-rate").textContent = short(net.ticks_per_second);
  $("n-tick").textContent = short(net.tick);
  $("n-queue").textContent = short(net.queue_depth);
  $("n-queue").title = `of ${whole(net.queue_capacity)}`;
  $("n-memory").textContent = net.memory_bytes === null ? "–" : bytes(net.memory_bytes);
  $("n-listeners").textContent = whole(net.listeners);
  $("self-loop").setAttribute("aria-pressed", net.self_loop);
  $("thinks").hidden = !net.self_loop;
}

function mode(now) {
  $("mode").textContent = now;
  $("mode").dataset.mode = now;
  $("pause").hidden = false;
  $("pause").textContent = now === "paused" ? "Resume" : "Pause";
}

function lost(code) {
  $("mode").textContent = "not connected";
  delete $("mode").dataset.mode;
  notice(code === 1012 ? "The server restarts. This page comes back by itself." : "The connection is gone. Trying again.");
}

function back(seconds) {
  notice(`Connected again after ${seconds < 10 ? seconds.toFixed(1) : whole(seconds)} seconds.`, true);
}

function failed(error) {
  if (error.status !== 401 && !(error instanceof TypeError)) notice(told(error), true);
}

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  session.key = $("key").value.trim();
  open();
});
$("forget").addEventListener("click", () => {
  closed("The key is forgotten.");
});
/** Change the net, and show what has become of it. */
async function change(json) {
  try {
    net = await session.call("PATCH", "/v1/net", { json });
    numbers();
  } catch (error) {
    failed(error);
  }
}

$("pause").addEventListener("click", () => change({ paused: net.mode !== "paused" }));
$("self-loop").addEventListener("click", () => change({ self_loop: !net.self_loop }));

open();

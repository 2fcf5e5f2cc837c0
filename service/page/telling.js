// What was told of a row of a stream, in words.

import { visible, whole } from "./format.js";

const WORDS = {
  jump: "it jumped",
  drift: "it has drifted",
  rare: "it is rarely there",
  range: "it was never so far",
  others: "it does not go with the others",
  words: "its words are unusual",
  bytes: "no line was like it",
};
const LOUD = 1 / 3; // of the loudest that spoke for it: what is quieter is not told
const DAY = 86_400_000; // milliseconds

export const ALARM = 0.5; // the score from which on a row is news

export function number(value) {
  const size = Math.abs(value);
  return size >= 1e5 && size < 1e15 ? whole(value) : String(Number(value.toPrecision(5)));
}

/** Return a line without the signs that would not be seen, or would do harm. */
export const line = (text) => Array.from(text, visible).join("");

/** Return when a row was; the number of one that has no time. */
export function when({ at, row }) {
  if (at === null) return `row ${whole(row)}`;
  const time = new Date(at);
  return Math.abs(Date.now() - time) < DAY / 2 ? time.toLocaleTimeString() : time.toLocaleString();
}

/** Return what came. */
export function came({ value, values, text, fields }) {
  if (values !== null) return pairs(values, (each) => came({ value: each, values: null, text, fields }));
  return isText({ text, fields }) ? line(text ?? JSON.stringify(fields)) : value === null ? "no value" : number(value);
}

/** Return whether a row is a line, or an event of JSON: these are news once, and have no end. */
export const isText = ({ text, fields }) => text !== null || fields !== null;

/** Return a row with one of its several values alone. */
export function alone(row, name) {
  const { value: most = null, low = null, high = null } = row.each?.[name] ?? {};
  return { ...row, value: row.values[name] ?? null, values: null, expected: most, low, high, each: null };
}

const pairs = (values, told) => Object.entries(values).map(([name, value]) => `${line(name)} ${told(value)}`).join(", ");

/** Return what was expected in place of it, "" where nothing was: values and their bounds, or the most similar line. */
export function expected({ expected: most, low, high, each }) {
  if (each !== null) return pairs(each, ({ value, ...bounds }) => expected({ expected: value, ...bounds, each: null }));
  if (most === null) return "";
  if (typeof most === "string") return line(most);
  const bounds = high === null ? `${number(low)} or more` : low === null ? `${number(high)} or less` : `${number(low)} to ${number(high)}`;
  return `${number(most)}${low === null && high === null ? "" : ` (${bounds})`}`;
}

/** Return the same as a part of a sentence. */
export function meant(row) {
  const told = expected(row);
  return told && `${typeof row.expected === "string" ? "most like" : "expected"}: ${told}`;
}

/** Return how rare it is, and what spoke for that; "" for what is not rare at all. */
export function rarity({ score, bits, why }) {
  if (bits === 0) return "";
  const loudest = Math.max(0, ...Object.values(why));
  const loud = Object.entries(why).filter(([, each]) => each > 0 && each >= LOUD * loudest);
  const reasons = loud.map(([name, each]) => `${reason(name)} (${each.toFixed(1)})`);
  return `${bits.toFixed(1)} bits, score ${score.toFixed(2)}: ${reasons.join(", ")}`;
}

/** Return what spoke, in words; of several values with its name, as "cpu: jump" is told. */
function reason(name) {
  const [, of, signal] = /^(.*: )?(.*)$/s.exec(name);
  return line(signal in WORDS ? `${of ?? ""}${WORDS[signal]}` : name);
}

/** Return all that was told of a row. */
export function sentence(row) {
  const state = row.event === null ? null : { open: "news", worse: "got worse", closed: "over" }[row.event.state];
  const told = row.ready ? [meant(row), rarity(row), state && `event ${row.event.number}: ${state}`] : ["nothing is told yet"];
  return [`${when(row)}: ${came(row)}`, ...told].filter(Boolean).join("; ");
}

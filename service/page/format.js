// Numbers and signs as people read them.

const UNITS = ["B", "kB", "MB", "GB", "TB"];
const HIDDEN = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u061c]/; // they would turn or hide what stands beside them

export const whole = (number) => Math.round(number).toLocaleString("en");
export const percent = (share) => (share > 0 && share < 0.0005 ? "<0.1%" : `${(100 * share).toFixed(share > 0 && share < 0.0995 ? 1 : 0)}%`);
export const count = (number, what) => `${whole(number)} ${what}${number === 1 ? "" : "s"}`;
export const bits = (number) => `${number.toFixed(2)} bits`;

export function short(number) {
  if (number < 10_000) return whole(number);
  return number < 1e6 ? `${(number / 1e3).toFixed(1)} k` : number < 1e9 ? `${(number / 1e6).toFixed(2)} M` : `${(number / 1e9).toFixed(2)} G`;
}

export function bytes(number) {
  let unit = 0;
  for (; number >= 1000 && unit < UNITS.length - 1; unit++) number /= 1000;
  return `${number.toFixed(unit && number < 100 ? 1 : 0)} ${UNITS[unit]}`;
}

/** Return what stands for a character that would not be seen, or would do harm; else the character. */
export function visible(sign) {
  const code = sign.codePointAt(0);
  if (sign === "\n") return "↵";
  if (sign === "\t") return "⇥";
  if (code < 0x20 || (code >= 0x7f && code < 0xa0) || HIDDEN.test(sign)) return byteName(code); // few fonts have pictures of them
  return sign;
}

export const shown = (text) => Array.from(text, visible).join("").replaceAll(" ", "␣");

export const byteName = (byte) => `‹${byte.toString(16).padStart(2, "0")}›`;

export function level(surprise) {
  return surprise < 1 ? 0 : surprise < 2 ? 1 : surprise < 4 ? 2 : surprise < 6 ? 3 : surprise < 8 ? 4 : 5;
}

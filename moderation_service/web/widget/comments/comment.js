/* How one comment looks. */
import { link, make } from "./dom.js";

const DEEPEST = 5;
export const below = (depth) => Math.min(depth + 1, DEEPEST);

const UNITS = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [7, "day"],
  [4.35, "week"],
  [12, "month"],
  [Infinity, "year"],
];

/* How long ago a moment was, in words; seconds are not counted. */
export const ago = (at, locale) => {
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  let amount = Math.max(0, (Date.now() - at) / 1000);
  for (const [size, unit] of UNITS) {
    if (amount < size) return format.format(unit === "second" ? 0 : -Math.floor(amount), unit);
    amount /= size;
  }
  return "";
};

const moment = (comment, locale) => {
  const at = new Date(comment.created_at);
  const exact = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "short" }).format(at);
  return make("time", { datetime: comment.created_at, title: exact, part: "date" }, ago(at, locale));
};

export const nameOf = (comment) => make("bdi", {}, comment.author_name);

const initials = (comment, locale) => {
  const letters = comment.author_name.split(/\s+/).map((word) => /\p{L}|\p{N}/u.exec(word)?.[0]).filter(Boolean);
  return [letters[0], ...letters.slice(1).slice(-1)].join("").toLocaleUpperCase(locale);
};

/* `behind` stands on the line of its author, `answers` above its text, `below` at its end. */
export const picture = (comment, depth, locale, { behind = [], answers = null, body, below: end = [] }) => {
  const author = make("strong", { part: "author" }, nameOf(comment));
  if (comment.author_url) {
    const there = link(comment.author_url);
    there.append(author.firstChild);
    author.append(there);
  }
  const at = moment(comment, locale);
  const when = comment.permalink ? make("a", { href: comment.permalink, class: "when" }, at) : at;
  const text = make("div", { class: "text" }, make("p", { class: "by" }, author, " ", when, ...behind));
  if (answers) text.append(make("p", { class: "muted" }, ...answers));
  text.append(body, ...end);
  const ring = make("span", { class: "ring", "aria-hidden": "true" }, initials(comment, locale));
  return make("article", { class: `depth-${depth}`, part: "comment", tabindex: "-1" }, ring, text);
};

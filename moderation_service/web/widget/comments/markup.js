/* The little markup of comments as elements: as the service rendered it, and as somebody writes it. */
import { link, make } from "./dom.js";

const TAGS = ["p", "br", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "a"];
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', nbsp: "\u00a0" };
const plain = (text) => text.replace(/&(amp|lt|gt|quot|nbsp);/g, (_, name) => ENTITIES[name]);
const valueOf = (attributes, name) => plain(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");

/* The service's HTML never meets a parser of HTML: it is cut into tags and text, and only these are made. */
export const rendered = (html) => {
  const whole = make("div", { class: "body", part: "body", dir: "auto" });
  let at = whole;
  for (const [, end, tag, attributes, text] of html.matchAll(/<(\/?)([a-z]+)([^>]*)>|([^<]+|<)/g)) {
    if (text) at.append(plain(text));
    else if (end && at !== whole) at = at.parentNode;
    else if (!end && TAGS.includes(tag)) {
      const element = tag === "a" ? link(valueOf(attributes, "href")) : make(tag);
      if (tag === "ol" && valueOf(attributes, "start")) element.start = valueOf(attributes, "start");
      at.append(element);
      if (tag !== "br") at = element;
    }
  }
  return whole;
};

/* What somebody writes becomes such HTML first: blocks by their beginning, and within them code, emphasis and links. It
   is an outline; what is meant otherwise is shown by the service as it reads it. */
const escaped = (text) =>
  Object.entries(ENTITIES).reduce((found, [name, sign]) => found.replaceAll(sign, `&${name};`), text);
const INLINE = /`([^`]+)`|(\*\*|__)(\S.*?)\2|([*_])(\S.*?)\4|\[([^\]]+)\]\((https?:[^\s)]+)\)|(https?:\/\/\S+\w\/?)|\n/g;
const inline = (text) =>
  text.replace(INLINE, (_, code, a, strong, b, em, words, href, bare) => {
    if (code) return `<code>${code}</code>`;
    if (href || bare) return `<a href="${href ?? bare}">${words ?? bare}</a>`;
    return strong ? `<strong>${inline(strong)}</strong>` : em ? `<em>${inline(em)}</em>` : "<br>";
  });

const ITEM = /^(?:[-*+]|\d+[.)]) /m;
const block = (text) => {
  const code = /^```.*\n([^]*?)(\n```)?$/.exec(text);
  if (code) return `<pre><code>${code[1]}</code></pre>`;
  if (text.startsWith("&gt;")) return `<blockquote>${blocks(text.replace(/^&gt; ?/gm, ""))}</blockquote>`;
  if (text.search(ITEM)) return `<p>${inline(text)}</p>`;
  const list = /^\d/.test(text) ? "ol" : "ul";
  const items = text.split(ITEM).slice(1).map((one) => `<li>${inline(one.trim())}</li>`);
  return `<${list}>${items.join("")}</${list}>`;
};
const blocks = (text) => (text.match(/```[^]*?(?:\n```|$)|\S[^]*?(?=\n\s*\n|\s*$)/g) ?? []).map(block).join("");

export const previewed = (text) => rendered(blocks(escaped(text)));

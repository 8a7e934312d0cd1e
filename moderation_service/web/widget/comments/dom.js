/* Making elements. What people wrote is only ever put in as text. */

const SVG = "http://www.w3.org/2000/svg";

export const make = (tag, attributes = {}, ...children) => {
  const isDrawing = tag === "svg" || tag === "path";
  const element = isDrawing ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

export const button = (label, action, attributes = {}) => {
  const made = make("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", action);
  return made;
};

/* A link to a website; what leads elsewhere, as `javascript:` does, is none. */
export const link = (href) =>
  /^https?:\/\//i.test(href) ? make("a", { href, rel: "nofollow ugc noopener" }) : make("span");

/* A text with `%(name)s` in it becomes a list of texts and of what the names stand for. */
export const fill = (text, values) =>
  text.split(/%\((\w+)\)s/).map((piece, at) => (at % 2 ? values[piece] : piece));

const RING = "M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 1 0 0-19";
const SIGNS = {
  good: `${RING}M7.5 12.5l3 3 6-6.5`,
  bad: "M12 3 2.5 20.5h19zM12 10v4.5m0 2.8v.1",
  wait: `${RING}M12 6.5V12l3.5 2.5`,
};

export const sign = (kind) =>
  make("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", class: kind }, make("path", { d: SIGNS[kind] }));

/* Something that is said with an edge and a sign. */
export const fillNote = (note, kind, title, text) => {
  note.className = kind ? `note ${kind}` : "";
  note.replaceChildren(...(kind ? [sign(kind), make("div", {}, make("strong", {}, title), " ", text)] : []));
};

const told = new Set();

/* A word to whoever builds the page, once. */
export const tell = (text) => {
  if (!told.has(text)) console.warn(`moderated-comments: ${text}`);
  told.add(text);
};

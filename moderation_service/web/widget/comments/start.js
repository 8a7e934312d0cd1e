/* Defines the element, and puts one where the page has none: in place of `#comments`, else behind the script. */
import { make } from "./dom.js";
import { ModeratedComments, NAME } from "./element.js";
import { loadedBy } from "./service.js";

if (!customElements.get(NAME)) customElements.define(NAME, ModeratedComments);

const embed = () => {
  /* What the script element says in data-page-url and the like, the element says in page-url. */
  const said = [...(loadedBy?.attributes ?? [])].filter((one) => one.name.startsWith("data-"));
  const attributes = Object.fromEntries(said.map((one) => [one.name.slice(5), one.value]));
  const present = [...document.querySelectorAll(NAME)];
  const named = attributes["page-url"];
  if (named ? present.some((one) => one.getAttribute("page-url") === named) : present.length) return;
  const element = make(NAME, attributes);
  const place = document.getElementById("comments");
  if (place && !place.querySelector(NAME)) {
    element.append(...place.childNodes);
    place.append(element);
  } else if (loadedBy?.isConnected && document.body.contains(loadedBy)) loadedBy.after(element);
  else (document.querySelector("main") ?? document.body).append(element);
};

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", embed);
else embed();

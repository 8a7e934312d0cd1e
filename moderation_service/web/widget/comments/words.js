/* The language of an element and its words. One is at hand, others are fetched. */
import { fetched } from "./other_words.js";
import { own } from "./own.js";
import { loadedBy } from "./service.js";

const vocabularies = new Map([[own.language, Promise.resolve(own.words)]]);

/* Asked for are the element's own language, that which the page chose for the script, and that of the text around. */
const askedFor = (host) =>
  host.getAttribute("lang") ||
  loadedBy?.dataset.lang ||
  (loadedBy?.src && new URL(loadedBy.src).searchParams.get("lang")) ||
  host.closest("[lang]")?.lang ||
  own.language;

/* Returns the words, their language, and the locale for dates and numbers, as de-AT is one of German. */
export const speak = async (host) => {
  const tag = askedFor(host);
  const wanted = tag.slice(0, 2).toLowerCase();
  let language = own.spoken.includes(wanted) ? wanted : own.language;
  if (!vocabularies.has(language)) vocabularies.set(language, fetched(language));
  let words;
  try {
    words = await vocabularies.get(language);
  } catch {
    vocabularies.delete(language);
    language = own.language;
    words = own.words;
  }
  const locale = language === wanted && /^\w\w(-\w{2,8})*$/.test(tag) ? tag : language;
  return { words, language, locale };
};

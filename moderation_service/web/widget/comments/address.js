/* The page that is commented on, and when it becomes another one without being loaded. */
import { keep } from "./device.js";
import { tell } from "./dom.js";

const HOME = /^\/(index\.\w+)?$/;
const isHome = ({ pathname, search }) => HOME.test(pathname) && !search;
let firstSeen = null;

/* The canonical address, unless it is plainly that of another page. */
const canonical = () => {
  const href = document.querySelector("link[rel~=canonical][href]")?.href;
  if (!/^https?:/.test(href) || !URL.canParse(href)) return null;
  const found = new URL(href);
  if (firstSeen?.href !== found.href) firstSeen = { href: found.href, path: location.pathname };
  const here = location.pathname;
  const isFormer = found.pathname !== here && firstSeen.path !== here;
  const wrong = isHome(found) && !HOME.test(here) ? "it is the home page" : isFormer ? "it is the former page" : "";
  if (!wrong) return found;
  tell(`rel=canonical ${found} does not count on ${location}: ${wrong}.`);
  return null;
};

/* Where the page is, as far as can be said here. `claimed` is a canonical address on another origin, which counts if
   the service knows that as the site's. A route such as #/about goes along unless the page was named. */
export const whereabouts = (host, formerRoute) => {
  const named = host.getAttribute("page-url");
  if (named && URL.canParse(named, location.href)) return { at: new URL(named, location.href), claimed: null };
  const link = canonical();
  const isOwn = link?.origin === location.origin;
  const at = new URL(isOwn ? link : location.href);
  const isComment = /^#comment-/.test(location.hash);
  at.hash = /^#!?\//.test(location.hash) ? location.hash : isComment ? formerRoute : "";
  return { at, claimed: isOwn ? null : link };
};

export const titleOf = (host) =>
  (host.getAttribute("page-title") || document.title).replace(/\s+/g, " ").trim().slice(0, 500) || null;

const OFTEN = 500;

/* Calls back whenever the address or what stands in the head may be another, until the signal ends it. Browsers without
   the navigation API do not say that a script changed the address; there it is looked at, and nothing is patched. */
export const watch = (changed, signal) => {
  if (window.navigation) navigation.addEventListener("currententrychange", changed, { signal });
  else {
    const timer = setInterval(changed, OFTEN);
    signal.addEventListener("abort", () => clearInterval(timer));
  }
  const observer = new MutationObserver(changed);
  observer.observe(document.head, { subtree: true, childList: true, attributeFilter: ["href"] });
  signal.addEventListener("abort", () => observer.disconnect());
};

/* A form that was sent without a script, and whoever has confirmed an address, come back with a word for us in the
   address, which nobody else is to see. */
const asOpened = new URL(
  location.href.replace(/[#&]author_token=([\w.-]+)/, (_, token) => keep("localStorage", "token", token) ?? ""),
);
export const cameBack = asOpened.searchParams.has("comment_receipt");
if (cameBack) asOpened.searchParams.delete("comment_receipt");
if (asOpened.href !== location.href) history.replaceState(history.state, "", asOpened);

/* One element's comments: the list and the form of a page, which may become another page. */
import { ago } from "./comment.js";
import { cameBack, titleOf, watch, whereabouts } from "./address.js";
import { button, fill, make, tell } from "./dom.js";
import { formOf } from "./form.js";
import { listOf } from "./list.js";
import { ownCommentsOf } from "./own_comments.js";
import { request } from "./service.js";

const NEAR = "600px 0px";
const MINUTE = 60_000;
const AT_ONCE = 50;
const MOST_AT_ONCE = 200;
let isWelcomed = !cameBack;

/* Builds into a shadow root what a host shows; nothing is asked for before it lives. */
export const widgetIn = (root, host, spoken) => {
  const { words, language, locale, base } = spoken;
  const slot = make("slot");
  const heading = make("h2", { id: "heading", part: "heading" }, words.comments);
  const jump = button(words.write, () => form.focus(), { class: "link", hidden: "" });
  const sort = button("", () => setOrder(order === "oldest" ? "newest" : "oldest"), { class: "link", hidden: "" });
  const state = make("p", { role: "status", class: "state" });
  const more = button(words.more, () => load({ cursor, thread: within }), { hidden: "", part: "button" });
  const first = button(words.from_start, () => load(), { hidden: "", part: "button" });
  const closed = make("p", { class: "closed", part: "closed" }, words.closed);
  const waiting = make("div");
  let page = null;
  let cursor = null;
  let within = null;
  let isRouted = false;
  let order = "oldest";

  /* Below a comment, or else at the end of all. */
  const place = (id, ...elements) => {
    const article = list.article(id);
    if (article) article.after(...elements);
    else waiting.append(...elements);
  };
  const list = listOf(spoken, { more: (...about) => loadThread(...about), reply: (...about) => form.answer(...about) });
  const own = ownCommentsOf(spoken, list, place);
  const form = formOf(spoken, {
    about: () => ({ page_url: page.url.href, page_title: titleOf(host) }),
    place,
    posted: (comment, how) => {
      own.add(comment, how);
      announce("posted", { id: comment.id ?? null, parent_id: comment.parent_id, page_url: page.url.href });
    },
    refused: ({ code }) => {
      if (code === "comments_closed") load();
    },
  });
  const top = make("div", { class: "top" }, heading, jump, sort);
  const section = make(
    "section",
    { lang: language, part: "section", "aria-labelledby": "heading" },
    top,
    first,
    list.element,
    state,
    more,
    closed,
    waiting,
    form.home,
  );
  root.replaceChildren(slot, section);
  section.hidden = Boolean(host.firstElementChild);
  form.home.hidden = closed.hidden = true;

  const announce = (name, detail) =>
    host.dispatchEvent(new CustomEvent(`comments:${name}`, { detail, bubbles: true, composed: true }));

  const turnAway = () => {
    form.home.hidden = true;
    tell(`${base} knows no site at ${location.origin}: add it to origins or preview_origins in the sites file.`);
  };

  const ask = (extra) => {
    const query = new URLSearchParams({ page_url: page.url.href, view: "threads", order, limit: AT_ONCE });
    for (const [name, value] of Object.entries(extra)) if (value) query.set(name, value);
    return request(`comments?${query}`, spoken);
  };

  const describe = ({ count, form: asked }) => {
    const text = count ? (count === 1 ? words.one : words.many) : words.none;
    heading.replaceChildren(...fill(text, { count: count.toLocaleString(locale) }));
    section.classList.toggle("is-closed", Boolean(asked.is_closed));
    form.adapt(asked);
    closed.hidden = !asked.is_closed;
    form.home.hidden = !closed.hidden;
    jump.hidden = !count || form.home.hidden;
    sort.hidden = count < 2;
    sort.replaceChildren(order === "oldest" ? words.newest_first : words.oldest_first);
  };

  /* Loads a page of the list: that after a cursor, else the one around a comment or the first, in place of all. */
  const load = async ({ cursor: after, around, thread } = {}) => {
    const asked = page;
    state.replaceChildren(words.loading);
    more.disabled = true;
    try {
      const found = await ask({ cursor: after, around, thread });
      if (asked !== page) return false;
      if (!page.isSettled && settled(found)) return load();
      isRouted = Boolean(found.fragment_routes);
      if (!after) clear();
      describe(found);
      const isNew = list.add(found.comments.map(withPermalink), found.replies_left);
      cursor = found.next_cursor;
      state.replaceChildren(...(found.count || !closed.hidden ? [] : [words.first]));
      if (!after) first.hidden = !found.previous_cursor;
      within = found.thread;
      settle();
      if (after && isNew.length) list.article(isNew[0].id).focus();
      if (!after) own.recallAll(found.page_url);
      if (page.url.origin !== location.origin) checkOrigin();
      announce("loaded", { count: found.count, page_url: found.page_url });
      return true;
    } catch (fault) {
      if (asked !== page) return false;
      /* A comment that is not, or no longer, on this page leaves the list as it is. */
      if (around && fault.problem) state.replaceChildren();
      else fail(fault, () => load({ cursor: after, around, thread }));
      return false;
    } finally {
      more.disabled = false;
    }
  };

  /* A canonical address on another origin counts if the service calls that origin the site's own. */
  const settled = (found) => {
    page.isSettled = true;
    if (!page.claimed) return false;
    const counts = new URL(found.page_url).origin === page.claimed.origin;
    if (counts) page.url = page.claimed;
    else tell(`rel=canonical ${page.claimed} does not count on ${location}: it is of no origin of the site.`);
    return counts;
  };

  /* Another origin's comments can be read here; whether they can be written, the service says of this origin alone. */
  const checkOrigin = () =>
    request(`comments?page_url=${location.origin}&limit=1`, spoken).catch(({ code }) => {
      if (code === "unknown_site") turnAway();
    });

  const settle = () => {
    section.hidden = false;
    slot.remove();
    more.hidden = !cursor;
  };

  const fail = (fault, again) => {
    const { problem, code } = fault;
    const text = problem?.detail ? `${problem.title}. ${problem.detail}` : words.not_loaded;
    section.hidden = false;
    more.hidden = true;
    if (code === "unknown_site") {
      state.replaceChildren(text);
      turnAway();
    } else {
      state.replaceChildren(`${text} `, button(words.again, again));
      form.home.hidden = !closed.hidden;
    }
  };

  /* Loads more of one thread, after the last that is here. */
  const loadThread = async (id, last) => {
    try {
      const found = await ask({ thread: id, cursor: last, limit: MOST_AT_ONCE });
      list.add(found.comments.map(withPermalink), { [id]: Object.values(found.replies_left)[0] ?? 0 });
    } catch (fault) {
      fail(fault, () => loadThread(id, last));
    }
  };

  const withPermalink = (comment) => {
    const at = new URL(page.url.pathname === location.pathname ? location.href : page.url);
    at.hash = `comment-${comment.id}`;
    return { ...comment, permalink: at.href };
  };

  const clear = () => {
    if (form.isAnswering()) form.leave();
    own.clear();
    list.clear();
  };

  /* Another page: what stood there goes at once, and what comes for it later is passed over. */
  const go = async (next) => {
    page = { ...next, url: next.at, isSettled: false };
    cursor = null;
    clear();
    heading.replaceChildren(words.comments);
    for (const one of [jump, sort, more, first]) one.hidden = true;
    form.recallDraft(page.url.href);
    await load();
    await reveal();
    if (isWelcomed || host.hasAttribute("page-url")) return;
    isWelcomed = true;
    form.welcome();
  };

  const linked = () => /^#comment-([\w-]+)/.exec(location.hash)?.[1];

  /* Leads to the comment that the address names, also where it stands on a later page of the list. */
  const reveal = async () => {
    const id = linked();
    if (id && !list.comment(id)) await load({ around: id });
    const article = list.article(id);
    if (!article) return;
    list.open(id);
    section.querySelector(".target")?.classList.remove("target");
    article.classList.add("target");
    article.scrollIntoView();
    article.focus();
  };

  /* Where routes name no pages, the fragment is no part of what tells pages apart. */
  const told = ({ at, claimed }) => `${isRouted ? at : at.href.replace(/#.*/, "")} ${claimed}`;

  /* Looks whether the address means another page by now. */
  const look = () => {
    const next = whereabouts(host, isRouted ? page.at.hash : "");
    if (page && told(next) !== told(page)) go(next);
  };

  const begin = () => {
    if (!page) go(whereabouts(host, ""));
  };

  const setOrder = (wanted) => {
    const former = order;
    order = wanted === "newest" ? "newest" : "oldest";
    if (page && order !== former) load();
  };

  const tick = () => {
    for (const one of section.querySelectorAll("time")) one.textContent = ago(new Date(one.dateTime), locale);
  };

  /* Until the signal ends it, follows the page, and loads when the reader comes near. */
  const live = (signal) => {
    watch(look, signal);
    addEventListener("hashchange", () => page && reveal(), { signal });
    const clock = setInterval(tick, MINUTE);
    const near = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && begin(), {
      rootMargin: NEAR,
    });
    signal.addEventListener("abort", () => {
      clearInterval(clock);
      near.disconnect();
    });
    if (page) look();
    else if (host.getAttribute("loading") === "eager" || linked()) begin();
    else near.observe(host);
  };

  return { live, look, setOrder };
};

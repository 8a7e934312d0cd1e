/* The comments of a page in threads. What is new comes where it belongs, and what stands there stays, so that nobody
   loses their place. */
import { below, nameOf, picture } from "./comment.js";
import { button, fill, link, make } from "./dom.js";
import { rendered } from "./markup.js";

const SHOWN = 3;

/* `more(id, last)` loads what is left of a thread; `reply(comment, button, depth)` opens the form. */
export const listOf = ({ words, locale, language, base }, { more, reply }) => {
  const element = make("div", { class: "list", part: "list" });
  const comments = new Map();
  const articles = new Map();
  const threads = new Map();

  const rootOf = (comment) => {
    let at = comment;
    while (comments.has(at.parent_id)) at = comments.get(at.parent_id);
    return at;
  };

  const lead = (id) => {
    open(id);
    articles.get(id).focus();
  };

  const show = (comment, depth) => {
    const answer = button(words.reply, () => reply(comment, answer, depth), {
      class: "link reply",
      "aria-label": fill(words.reply_to, { author: comment.author_name }).join(""),
    });
    const parent = comments.get(comment.parent_id);
    const answers =
      parent && fill(words.answers, { author: button(nameOf(parent), () => lead(parent.id), { class: "link" }) });
    const body = rendered(comment.body_html);
    const report = link(`${base}comments/${comment.id}/report?lang=${language}`);
    report.append(words.report);
    report.className = "link";
    report.setAttribute("aria-label", fill(words.report_of, { author: comment.author_name }).join(""));
    const behind = comment.by_site ? [make("span", { class: "tag site", part: "by-site" }, words.by_site)] : [];
    const note = comment.redacted ? make("p", { class: "muted" }, words.redacted) : "";
    const article = picture(comment, depth, locale, { behind, answers, body, below: [note, answer, " ", report] });
    article.id = `comment-${comment.id}`;
    articles.set(comment.id, article);
    return article;
  };

  /* A comment and all that answers it, from above to below, each with its depth. */
  const walk = (comment, depth, replies) => [
    [comment, depth],
    ...replies.filter((one) => one.parent_id === comment.id).flatMap((one) => walk(one, below(depth), replies)),
  ];
  const all = ({ root, replies }) => walk(root, root.parent_id ? 1 : 0, replies);

  /* Puts a thread's comments in their places and returns them; what stands there is not moved. */
  const arrange = (thread) => {
    const ordered = all(thread).map(([comment, depth]) => articles.get(comment.id) ?? show(comment, depth));
    ordered.forEach((article, at) => {
      article.hidden = at > SHOWN && !thread.isOpen;
      if (article.parentNode) return;
      if (at) ordered[at - 1].after(article);
      else thread.element.prepend(article);
    });
    const hidden = thread.left + ordered.filter((one) => one.hidden).length;
    const text = hidden === 1 ? words.reply_more : words.replies_more;
    thread.unfold.hidden = !hidden;
    thread.unfold.replaceChildren(...fill(text, { count: hidden.toLocaleString(locale) }));
    return ordered;
  };

  const unfold = async (thread) => {
    thread.isOpen = true;
    if (thread.left) await more(thread.root.id, (thread.replies.at(-1) ?? thread.root).id);
    arrange(thread)[SHOWN + 1]?.focus();
  };

  const begin = (root) => {
    const thread = { root, replies: [], left: 0, isOpen: false, element: make("div", { class: "thread" }) };
    thread.unfold = button("", () => unfold(thread), { class: "link unfold", part: "more-replies" });
    thread.element.append(thread.unfold);
    threads.set(root.id, thread);
    element.append(thread.element);
    return thread;
  };

  /* Adds comments in the order in which the service lists them; `left` says how many replies of a thread are not here. */
  const add = (found, left = {}) => {
    const isNew = found.filter((one) => !comments.has(one.id));
    const changed = new Set();
    for (const one of isNew) comments.set(one.id, one);
    for (const one of isNew) {
      const root = rootOf(one);
      const thread = threads.get(root.id) ?? begin(root);
      if (one !== root) thread.replies.push(one);
      changed.add(thread);
    }
    for (const [id, count] of Object.entries(left)) {
      if (threads.has(id)) changed.add(Object.assign(threads.get(id), { left: count }));
    }
    changed.forEach(arrange);
    return isNew;
  };

  /* Shows a comment that may be folded away. */
  const open = (id) => {
    const thread = threads.get(rootOf(comments.get(id)).id);
    if (!articles.get(id).hidden) return;
    thread.isOpen = true;
    arrange(thread);
  };

  const clear = () => {
    for (const one of [comments, articles, threads]) one.clear();
    element.replaceChildren();
  };

  return {
    element,
    add,
    clear,
    open,
    lead,
    comment: (id) => comments.get(id),
    article: (id) => articles.get(id),
    depthBelow: (id) => (articles.has(id) ? below(Number(/depth-(\d)/.exec(articles.get(id).className)[1])) : 0),
  };
};

/* The reader's own comments that wait: shown to them alone, with a way to change or withdraw them, by the receipts that
   the service gave. They are kept in this tab, and beyond it where the author ticked that the device may remember. */
import { picture } from "./comment.js";
import { keep, recall } from "./device.js";
import { button, make, sign } from "./dom.js";
import { rendered } from "./markup.js";
import { request } from "./service.js";

const RECEIPTS = "receipts";
const MOST = 20;
const PLACES = ["localStorage", "sessionStorage"];

const kept = (place) => recall(place, RECEIPTS) ?? [];

const remember = (receipt, place) => keep(place, RECEIPTS, [...kept(place), receipt].slice(-MOST));

const forget = (token) => {
  for (const place of PLACES) keep(place, RECEIPTS, kept(place).filter((one) => one.token !== token));
};

/* `place(id, …)` puts elements below a comment. */
export const ownCommentsOf = (spoken, list, place) => {
  const { words, locale } = spoken;
  let shown = [];

  const show = (comment, receipt, after) => {
    const tag = make("span", { class: "tag", part: "tag" }, sign("wait"), words.waits);
    const text = comment.body_html
      ? rendered(comment.body_html)
      : make("div", { class: "body own", dir: "auto" }, comment.body.trim());
    const acts = make("div", { class: "acts" });
    const article = picture(comment, list.depthBelow(comment.parent_id), locale, { behind: [" ", tag], body: text, below: [acts] });
    article.classList.add("mine");

    /* Shows what can be done now, and behind it a line for what went wrong. */
    const state = make("span", { role: "status", class: "muted" });
    const offer = (focused, ...elements) => {
      state.textContent = "";
      acts.replaceChildren(...elements, state);
      focused.focus();
    };
    const act = async (options, done) => {
      try {
        done(await request(`receipts/${receipt.token}`, spoken, options));
      } catch ({ problem }) {
        const wrong = problem?.errors?.body?.[0].message ?? problem?.detail;
        state.textContent = wrong ?? words.not_sent_more;
      }
    };
    const edit = button(words.edit, () => change(), { class: "link" });
    const withdraw = button(words.withdraw, () => confirm(), { class: "link" });
    const stop = button(words.cancel, () => offer(edit, edit, withdraw));

    const confirm = () => {
      const withdrawn = () => {
        forget(receipt.token);
        article.replaceChildren(make("span"), make("p", {}, words.withdrawn));
        article.focus();
      };
      const sure = button(words.withdraw, () => act({ method: "DELETE" }, withdrawn));
      offer(stop, words.withdraw_sure, sure, stop);
    };

    const change = () => {
      const area = make("textarea", { rows: "5", dir: "auto", part: "input", "aria-label": words.body });
      area.value = comment.body;
      const save = button(words.save, () => {
        act({ method: "PATCH", body: JSON.stringify({ body: area.value }) }, (changed) => {
          show({ ...comment, ...changed, ...changed.edit }, receipt, article).focus();
          article.remove();
        });
      });
      offer(area, area, save, stop);
    };

    if (receipt && comment.may_edit !== false) acts.append(edit, withdraw);
    shown.push(article);
    if (after) after.after(article);
    else place(comment.parent_id, article);
    return article;
  };

  /* Takes up what was just sent; it comes behind the thanks. */
  const add = (comment, { note, isKept }) => {
    let receipt = null;
    if (comment.receipt_url) {
      receipt = {
        token: comment.receipt_url.split("/").pop(),
        page: comment.page_url,
        parent_id: comment.parent_id,
        author_name: comment.author_name,
      };
      remember(receipt, isKept ? "localStorage" : "sessionStorage");
    }
    show({ created_at: new Date().toISOString(), ...comment }, receipt, note);
  };

  /* Shows what of a page still waits, and forgets what was decided. */
  const recallAll = async (page) => {
    const asked = shown;
    for (const receipt of PLACES.flatMap(kept).filter((one) => one.page === page)) {
      try {
        const found = await request(`receipts/${receipt.token}`, spoken);
        if (asked !== shown) return;
        if (found.status === "pending") show({ ...receipt, ...found, id: null }, receipt);
        else forget(receipt.token);
      } catch (fault) {
        if (fault.status === 404) forget(receipt.token);
      }
    }
  };

  const clear = () => {
    for (const article of shown) article.remove();
    shown = [];
  };

  return { add, recallAll, clear };
};

((own) => {
  "use strict";
  const { words, style, language, spoken } = own;
  const script = document.currentScript;
  const { lang, pageUrl, pageTitle } = script.dataset;
  const api = new URL("../api/v1/comments", script.src).href;
  const LONGEST_WAIT = 5;
  const DEEPEST = 5;
  const FIELDS = ["body", "author_name", "author_email", "author_url"];

  /* The language: as the site says, in `data-lang` or in the address of this script, else that of the page. */
  const asked = lang || new URL(script.src).searchParams.get("lang") || document.documentElement.lang;
  const wanted = asked.slice(0, 2).toLowerCase();
  if (wanted !== language && spoken.includes(wanted)) {
    const other = document.createElement("script");
    try {
      other.src = new URL(`?lang=${wanted}`, script.src).href;
      other.nonce = script.nonce;
      Object.assign(other.dataset, script.dataset);
      script.replaceWith(other);
      return;
    } catch {
      /* Trusted types let no script name another; then the language that is here must do. */
    }
  }

  /* ---- making elements: what people wrote is only ever put in as text ---- */

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  const button = (label, action, attributes = {}) => {
    const made = make("button", { type: "button", ...attributes }, label);
    made.addEventListener("click", action);
    return made;
  };

  const fill = (text, values) =>
    text.split(/%\((\w+)\)s/).map((piece, at) => (at % 2 ? values[piece] : piece));

  const link = (href) =>
    /^https?:\/\//i.test(href) ? make("a", { href, rel: "nofollow ugc noopener" }) : make("span");

  /* The service's HTML never meets a parser of HTML: it is cut into tags and text, and only these are made. */
  const TAGS = ["p", "br", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "a"];
  const SIGNS = { amp: "&", lt: "<", gt: ">", quot: '"', nbsp: "\u00a0" };
  const plain = (text) => text.replace(/&(amp|lt|gt|quot|nbsp);/g, (_, name) => SIGNS[name]);
  const read = (attributes, name) => plain(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");

  const rendered = (html) => {
    const whole = make("div", { class: "body", dir: "auto" });
    let at = whole;
    for (const [, end, tag, attributes, text] of html.matchAll(/<(\/?)([a-z]+)([^>]*)>|([^<]+|<)/g)) {
      if (text) at.append(plain(text));
      else if (end && at !== whole) at = at.parentNode;
      else if (!end && TAGS.includes(tag)) {
        const element = tag === "a" ? link(read(attributes, "href")) : make(tag);
        if (tag === "ol" && read(attributes, "start")) element.start = read(attributes, "start");
        at.append(element);
        if (tag !== "br") at = element;
      }
    }
    return whole;
  };

  /* ---- the page that is commented on ---- */

  const canonical = document.querySelector("link[rel~=canonical][href]");
  const url = new URL(pageUrl || canonical?.href || location.href, location.href).href;
  const title = (pageTitle || document.title).replace(/\s+/g, " ").trim().slice(0, 500);

  /* ---- the list ---- */

  const heading = make("h2", { id: "heading" });
  const state = make("p", { role: "status", class: "state" });
  const list = make("div", { class: "list" });
  const more = button(words.more, () => load(), { hidden: "" });
  const comments = [];
  const articles = new Map();
  const day = new Intl.DateTimeFormat(language, { dateStyle: "long" });
  const hour = new Intl.DateTimeFormat(language, { timeStyle: "short" });
  let cursor = null;

  const name = (comment) => make("bdi", {}, comment.author_name);

  const answered = (comment) => {
    const parent = comments.find((one) => one.id === comment.parent_id);
    if (!parent) return [words.answers_unknown];
    const to = button(name(parent), () => articles.get(parent.id).focus(), { class: "link" });
    return fill(words.answers, { author: to });
  };

  const show = (comment, depth) => {
    const author = make("strong", {}, name(comment));
    if (comment.author_url) {
      const there = link(comment.author_url);
      there.append(author.firstChild);
      author.append(there);
    }
    const at = new Date(comment.created_at);
    const time = make("time", { datetime: comment.created_at }, `${day.format(at)}, ${hour.format(at)}`);
    const article = make(
      "article",
      { class: `depth-${depth}`, id: `comment-${comment.id}`, tabindex: "-1" },
      make("p", { class: "by" }, author, " ", make("span", { class: "quiet" }, time)),
    );
    if (comment.parent_id) article.append(make("p", { class: "quiet" }, ...answered(comment)));
    const reply = button(words.reply, () => write(comment, reply), {
      class: "link",
      "aria-label": fill(words.reply_to, { author: comment.author_name }).join(""),
    });
    article.append(rendered(comment.body_html), reply);
    articles.set(comment.id, article);
    return article;
  };

  /* Puts what is new below what it answers, and leaves what stands there, so that nobody loses their place. */
  const arrange = () => {
    const known = new Set(comments.map((one) => one.id));
    const threads = comments.filter((one) => !known.has(one.parent_id));
    const ahead = threads.map((one) => [one, one.parent_id ? 1 : 0]).reverse();
    let last = null;
    while (ahead.length) {
      const [comment, depth] = ahead.pop();
      if (!articles.has(comment.id)) {
        const article = show(comment, depth);
        if (last) last.after(article);
        else list.prepend(article);
      }
      last = articles.get(comment.id);
      const below = comments.filter((one) => one.parent_id === comment.id).reverse();
      ahead.push(...below.map((one) => [one, Math.min(depth + 1, DEEPEST)]));
    }
  };

  const load = async () => {
    state.replaceChildren(words.loading);
    more.disabled = true;
    try {
      const query = new URLSearchParams({ page_url: url });
      if (cursor) query.set("cursor", cursor);
      const headers = { "Accept-Language": language };
      const answer = await fetch(`${api}?${query}`, { credentials: "omit", headers });
      const found = await answer.json();
      if (!answer.ok) throw found;
      const first = cursor ? found.comments[0] : null;
      comments.push(...found.comments);
      cursor = found.next_cursor;
      const text = found.count ? (found.count === 1 ? words.one : words.many) : words.none;
      const count = found.count.toLocaleString(language);
      heading.replaceChildren(...fill(text, { count, page: make("cite", {}, make("bdi", {}, title || url)) }));
      arrange();
      state.replaceChildren();
      if (first) articles.get(first.id).focus();
      else if (location.hash) articles.get(location.hash.replace("#comment-", ""))?.scrollIntoView();
    } catch (problem) {
      const text = problem.detail ? `${problem.title}. ${problem.detail}` : words.not_loaded;
      state.replaceChildren(`${text} `, button(words.again, load));
    }
    more.disabled = false;
    more.hidden = !cursor || state.hasChildNodes();
  };

  /* ---- the form ---- */

  const note = make("div", { class: "note", role: "status", tabindex: "-1" });
  const legend = make("h3", { id: "legend" }, words.write);
  const cancel = button(words.cancel, () => leave(), { hidden: "" });
  const submit = make("button", { class: "first" }, words.send);
  const home = make("div");
  let parent = null;
  let opener = null;
  let sent = {};

  const field = (id, label, attributes, required = true) => {
    const control = make(id === "body" ? "textarea" : "input", {
      id,
      name: id,
      ...attributes,
      ...(required && { required: "" }),
      "aria-describedby": `${id}-fault${id === "author_email" ? " privacy" : ""}`,
    });
    const star = required ? [" ", make("span", { "aria-hidden": "true" }, "*")] : [];
    return [
      make("label", { for: id }, label, ...star),
      control,
      make("p", { class: "wrong", id: `${id}-fault` }),
    ];
  };

  const form = make(
    "form",
    { novalidate: "", "aria-labelledby": "legend" },
    note,
    legend,
    make("p", { class: "quiet", id: "privacy" }, words.privacy),
    ...field("body", words.body, { rows: "6" }),
    ...field("author_name", words.author_name, { autocomplete: "name", maxlength: "245" }),
    ...field("author_email", words.author_email, { type: "email", autocomplete: "email", maxlength: "254" }),
    ...field("author_url", words.author_url, { type: "url", autocomplete: "url", maxlength: "2000" }, false),
    make("div", { class: "buttons" }, submit, cancel),
  );

  const control = (id) => form.querySelector(`#${id}`);

  /* Answers a comment: the form comes below it, with all that stands in it. */
  const write = (comment, from) => {
    parent = comment;
    opener = from;
    legend.replaceChildren(...fill(words.reply_to, { author: name(comment) }));
    cancel.hidden = false;
    say();
    articles.get(comment.id).after(form);
    control("body").focus();
  };

  const leave = () => {
    parent = null;
    legend.replaceChildren(words.write);
    cancel.hidden = true;
    home.append(form);
    opener?.focus();
  };

  const say = (...text) => {
    note.replaceChildren(...text);
    form.prepend(note);
  };

  const newKey = () =>
    [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

  /* Where the service asks to come back in a moment, it does so by itself; the key keeps one comment one. */
  const post = async ({ body, key }) => {
    for (let attempt = 1; ; attempt += 1) {
      const headers = { "Content-Type": "application/json", "Idempotency-Key": key, "Accept-Language": language };
      const answer = await fetch(api, { method: "POST", credentials: "omit", headers, body });
      const wait = Number(answer.headers.get("Retry-After") ?? Infinity);
      if (answer.status !== 503 || attempt === 3 || wait > LONGEST_WAIT) return answer;
      await new Promise((go) => setTimeout(go, wait * 1000));
    }
  };

  const duration = (seconds) => {
    const [amount, unit] = seconds < 100 ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
    return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(amount);
  };

  const mark = (errors) => {
    for (const id of FIELDS) {
      control(`${id}-fault`).textContent = (errors[id] ?? []).map((one) => one.message).join(" ");
      control(id).setAttribute("aria-invalid", id in errors);
    }
  };

  const complain = (problem, wait) => {
    const errors = problem.errors ?? {};
    const elsewhere = Object.keys(errors).filter((id) => !FIELDS.includes(id));
    const sentences = [`${problem.title}.`, problem.detail, ...elsewhere.map((id) => errors[id][0].message)];
    if (wait) sentences.push(fill(words.wait, { duration: duration(Number(wait)) }).join(""));
    say(sentences.join(" "));
    mark(errors);
    const first = FIELDS.find((id) => id in errors);
    (first ? control(first) : note).focus();
  };

  const thank = (warnings) => {
    const article = parent && articles.get(parent.id);
    mark({});
    control("body").value = "";
    sent = {};
    leave();
    say([words.sent, ...warnings.map((one) => one.message)].join(" "));
    if (article) article.after(note);
    note.focus();
  };

  const send = async () => {
    const fields = Object.fromEntries(new FormData(form));
    const about = { page_url: url, page_title: title || null, parent_id: parent?.id ?? null };
    const body = JSON.stringify({ ...fields, ...about });
    if (body !== sent.body) sent = { body, key: newKey() };
    say(words.sending);
    try {
      const answer = await post(sent);
      const told = await answer.json();
      if (answer.ok || told.type.endsWith(":duplicate")) thank(told.warnings ?? []);
      else complain(told, answer.headers.get("Retry-After"));
    } catch {
      say(words.not_sent);
      note.focus();
    }
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.getAttribute("aria-disabled")) return;
    submit.setAttribute("aria-disabled", "true");
    await send();
    submit.removeAttribute("aria-disabled");
  });

  /* ---- into the page: out of reach of its styles, and within its policy ---- */

  const start = () => {
    const host = make("div", { lang: language });
    const root = host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    root.adoptedStyleSheets = [sheet];
    heading.append(words.comments);
    home.append(form);
    root.append(make("section", { "aria-labelledby": "heading" }, heading, list, state, more, home));
    const place = document.getElementById("comments");
    if (place) place.replaceChildren(host);
    else script.after(host);
    load();
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})

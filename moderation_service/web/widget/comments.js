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

  const SIGNS_OF = {
    good: ["M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 1 0 0-19", "m7.5 12.5 3 3 6-6.5"],
    bad: ["M12 3 2.5 20.5h19z", "M12 10v4.5m0 2.8v.1"],
    wait: ["M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 1 0 0-19", "M12 6.5V12l3.5 2.5"],
  };
  const sign = (kind) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    for (const [name, value] of [["viewBox", "0 0 24 24"], ["aria-hidden", "true"], ["class", kind]]) {
      svg.setAttribute(name, value);
    }
    for (const line of SIGNS_OF[kind]) {
      const path = document.createElementNS(svg.namespaceURI, "path");
      path.setAttribute("d", line);
      svg.append(path);
    }
    return svg;
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
  const jump = button(words.write, () => control("body").focus(), { class: "link" });
  const state = make("p", { role: "status", class: "state" });
  const list = make("div", { class: "list" });
  const more = button(words.more, () => load(), { hidden: "" });
  const comments = [];
  const articles = new Map();
  const moment = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" });
  let cursor = null;

  const name = (comment) => make("bdi", {}, comment.author_name);

  const initials = (comment) => {
    const letters = comment.author_name.split(/\s+/).map((word) => [...word].find((one) => /\p{L}|\p{N}/u.test(one)));
    const known = letters.filter(Boolean);
    return [known[0], known.length > 1 ? known.at(-1) : ""].join("").toLocaleUpperCase(language);
  };

  const answered = (comment) => {
    const parent = comments.find((one) => one.id === comment.parent_id);
    if (!parent) return [words.answers_unknown];
    const to = button(name(parent), () => articles.get(parent.id).focus(), { class: "link" });
    return fill(words.answers, { author: to });
  };

  /* How a comment looks; `behind` stands on the line of its author, `below` at its end. */
  const picture = (comment, depth, { behind = [], body, below = [] }) => {
    const author = make("strong", {}, name(comment));
    if (comment.author_url) {
      const there = link(comment.author_url);
      there.append(author.firstChild);
      author.append(there);
    }
    const at = make("time", { datetime: comment.created_at }, moment.format(new Date(comment.created_at)));
    const when = comment.id ? make("a", { href: `#comment-${comment.id}`, class: "when" }, at) : at;
    const text = make("div", { class: "text" }, make("p", { class: "by" }, author, " ", when, ...behind));
    if (comment.parent_id) text.append(make("p", { class: "quiet" }, ...answered(comment)));
    text.append(body, ...below);
    const ring = make("span", { class: "ring", "aria-hidden": "true" }, initials(comment));
    return make("article", { class: `depth-${depth}`, tabindex: "-1" }, ring, text);
  };

  const show = (comment, depth) => {
    const reply = button(words.reply, () => write(comment, reply, depth), {
      class: "link",
      "aria-label": fill(words.reply_to, { author: comment.author_name }).join(""),
    });
    const article = picture(comment, depth, { body: rendered(comment.body_html), below: [reply] });
    article.id = `comment-${comment.id}`;
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
      heading.replaceChildren(...fill(text, { count: found.count.toLocaleString(language) }));
      arrange();
      state.replaceChildren(...(found.count ? [] : [words.first]));
      if (first) articles.get(first.id).focus();
      else if (location.hash) articles.get(location.hash.replace("#comment-", ""))?.scrollIntoView();
    } catch (problem) {
      const text = problem.detail ? `${problem.title}. ${problem.detail}` : words.not_loaded;
      state.replaceChildren(`${text} `, button(words.again, load));
    }
    more.disabled = false;
    more.hidden = !cursor || state.hasChildNodes();
    jump.hidden = !comments.length;
  };

  /* ---- the form ---- */

  const note = make("div", { class: "note", role: "status", tabindex: "-1" });
  const legend = make("h3", { id: "legend" }, words.write);
  const cancel = button(words.cancel, () => leave(), { hidden: "" });
  const submit = make("button", { class: "first" }, words.send);
  const progress = make("span", { class: "quiet", role: "status" });
  const home = make("div");
  let parent = null;
  let opener = null;
  let sent = {};

  const field = (id, label, hint, attributes, required = true) => {
    const control = make(id === "body" ? "textarea" : "input", {
      id,
      name: id,
      dir: "auto",
      ...attributes,
      ...(required && { required: "" }),
      "aria-describedby": `${id}-fault${hint ? ` ${id}-hint` : ""}`,
    });
    const star = required ? [" ", make("span", { "aria-hidden": "true" }, "*")] : [];
    const aside = hint ? [" ", make("span", { class: "quiet", id: `${id}-hint` }, `(${hint})`)] : [];
    return make(
      "div",
      {},
      make("label", { for: id }, label, ...star),
      ...aside,
      control,
      make("p", { class: "wrong", id: `${id}-fault` }),
    );
  };

  const form = make(
    "form",
    { novalidate: "", "aria-labelledby": "legend" },
    note,
    legend,
    make("p", { class: "quiet" }, words.privacy),
    field("body", words.body, "", { rows: "5" }),
    make(
      "div",
      { class: "columns" },
      field("author_name", words.author_name, "", { autocomplete: "name", maxlength: "245" }),
      field("author_email", words.author_email, words.never_shown, {
        type: "email",
        autocomplete: "email",
        maxlength: "254",
      }),
      field("author_url", words.author_url, words.optional, { type: "url", autocomplete: "url", maxlength: "2000" }, false),
    ),
    make("div", { class: "buttons" }, submit, cancel, progress),
  );

  const control = (id) => form.querySelector(`#${id}`);

  /* The draft outlives a reload, in this tab alone; where nothing may be kept, nothing is. */
  const DRAFT = `moderation-draft ${url}`;
  const keep = () => {
    try {
      const fields = Object.fromEntries(new FormData(form));
      if (fields.body.trim()) sessionStorage.setItem(DRAFT, JSON.stringify(fields));
      else sessionStorage.removeItem(DRAFT);
    } catch {
      /* A page in a frame without storage of its own. */
    }
  };
  const recall = () => {
    try {
      const fields = JSON.parse(sessionStorage.getItem(DRAFT) ?? "{}");
      for (const id of FIELDS) if (typeof fields[id] === "string") control(id).value = fields[id];
    } catch {
      /* Neither is there a draft then. */
    }
  };

  /* Answers a comment: the form comes below it, at its depth, with all that stands in it. */
  const write = (comment, from, depth) => {
    parent = comment;
    opener = from;
    legend.replaceChildren(...fill(words.reply_to, { author: name(comment) }));
    cancel.hidden = false;
    say();
    form.className = `framed depth-${depth}`;
    articles.get(comment.id).after(form);
    control("body").focus();
  };

  const leave = () => {
    parent = null;
    legend.replaceChildren(words.write);
    cancel.hidden = true;
    form.className = "";
    home.append(form);
    opener?.focus();
  };

  const say = (kind, title, text) => {
    note.className = kind ? `note ${kind}` : "note";
    note.replaceChildren(...(kind ? [sign(kind), make("div", {}, make("strong", {}, title), " ", text)] : []));
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
    const sentences = [problem.detail, ...elsewhere.map((id) => errors[id][0].message)];
    if (wait) sentences.push(fill(words.wait, { duration: duration(Number(wait)) }).join(""));
    say("bad", `${problem.title}.`, sentences.join(" "));
    mark(errors);
    const first = FIELDS.find((id) => id in errors);
    (first ? control(first) : note).focus();
  };

  /* What was sent stands where it will appear, as plain text, for as long as this page is open. */
  const thank = (fields, told) => {
    const article = parent && articles.get(parent.id);
    const depth = Number(form.className.split("-")[1] ?? -1) + 1;
    const tag = make("span", { class: "tag" }, sign("wait"), words.waits);
    const body = make("div", { class: "body own", dir: "auto" }, fields.body.trim());
    const at = told.created_at ?? new Date().toISOString();
    const own = picture({ ...fields, created_at: at }, Math.min(depth, DEEPEST), { behind: [" ", tag], body });
    own.classList.add("mine");
    mark({});
    control("body").value = "";
    keep();
    sent = {};
    leave();
    const warnings = (told.warnings ?? []).map((one) => one.message);
    say("good", words.sent, [words.sent_more, ...warnings].join(" "));
    if (article) article.after(note, own);
    else list.append(note, own);
    note.focus();
  };

  const send = async () => {
    const fields = Object.fromEntries(new FormData(form));
    const about = { page_url: url, page_title: title || null, parent_id: parent?.id ?? null };
    const body = JSON.stringify({ ...fields, ...about });
    if (body !== sent.body) sent = { body, key: newKey() };
    try {
      const answer = await post(sent);
      const told = await answer.json();
      if (answer.ok || told.type.endsWith(":duplicate")) thank(fields, told);
      else complain(told, answer.headers.get("Retry-After"));
    } catch {
      say("bad", `${words.not_sent}.`, words.not_sent_more);
      note.focus();
    }
  };

  form.addEventListener("input", keep);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.getAttribute("aria-disabled")) return;
    submit.setAttribute("aria-disabled", "true");
    submit.replaceChildren(make("span", { class: "turning", "aria-hidden": "true" }), words.sending);
    progress.textContent = words.nothing_lost;
    say();
    await send();
    progress.textContent = "";
    submit.replaceChildren(words.send);
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
    const top = make("div", { class: "top" }, heading, jump);
    jump.hidden = true;
    recall();
    root.append(make("section", { "aria-labelledby": "heading" }, top, list, state, more, home));
    const place = document.getElementById("comments");
    if (place) place.replaceChildren(host);
    else script.after(host);
    load();
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})

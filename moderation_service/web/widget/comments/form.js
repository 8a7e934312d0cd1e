/* The form for a comment or an answer. */
import { nameOf } from "./comment.js";
import { keep, recall } from "./device.js";
import { button, fill, fillNote, make, tell } from "./dom.js";
import { previewed } from "./markup.js";
import { post, request } from "./service.js";
import { workScript } from "./work_script.js";

const FIELDS = ["body", "author_name", "author_email", "author_url"];
const ABOUT_AUTHOR = FIELDS.slice(1);
const AUTHOR = "author";
const NOTICES = ["notify_published", "notify_replies"];

const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

const duration = (seconds, locale) => {
  const [amount, unit] = seconds < 100 ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" }).format(amount);
};

const field = (words, id, attributes) => {
  const described = `${id}-fault ${id}-hint`;
  const said = { id, name: id, part: "input", dir: "auto", required: "", "aria-describedby": described };
  const control = make(id === "body" ? "textarea" : "input", { ...said, ...attributes });
  const star = make("span", { "aria-hidden": "true" }, "*");
  const label = make("label", { for: id, part: "label" }, words[id], " ", star);
  const named = make("div", { class: "named" }, label, " ", make("span", { class: "muted", id: `${id}-hint` }));
  return make("div", {}, named, control, make("p", { class: "wrong", id: `${id}-fault` }));
};

const tick = (words, id) =>
  make("p", { class: "tick" }, make("input", { type: "checkbox", id }), make("label", { for: id }, words[id]));

/* `about()` says which page a comment is for, `place(id, …)` puts elements below a comment, `posted` is told of what
   was accepted, `refused` of what the service did not take. */
export const formOf = (spoken, { about, place, posted, refused }) => {
  const { words, locale } = spoken;
  const note = make("div", { part: "note", role: "status", tabindex: "-1" });
  const legend = make("h3", { id: "legend" }, words.write);
  const cancel = button(words.cancel, () => leave(), { hidden: "", part: "button" });
  const submit = make("button", { class: "first", part: "submit" }, words.send);
  const progress = make("span", { class: "muted", role: "status" });
  const home = make("div");
  const mailed = make("div", {}, ...NOTICES.map((id) => tick(words, id)), make("p", { class: "muted" }, words.address));
  const links = make("p", { class: "muted" });
  const preview = make("div");
  /* Only programs fill it. */
  const trap = make("input", { class: "trap", dir: "auto", tabindex: "-1", "aria-hidden": "true", autocomplete: "off" });
  let parent = null;
  let opener = null;
  let sent = {};
  let draftKey = "";
  let stamp = null;

  const form = make(
    "form",
    { novalidate: "", part: "form", "aria-labelledby": "legend" },
    note,
    legend,
    make("p", { class: "muted" }, words.privacy),
    field(words, "body", { rows: "5" }),
    make("details", {}, make("summary", {}, words.preview), preview),
    make(
      "div",
      { class: "columns" },
      field(words, "author_name", { autocomplete: "name", maxlength: "245" }),
      field(words, "author_email", { type: "email", autocomplete: "email", maxlength: "254" }),
      field(words, "author_url", { type: "url", autocomplete: "url", maxlength: "2000" }),
    ),
    trap,
    tick(words, "remember"),
    mailed,
    links,
    make("div", { class: "buttons" }, submit, cancel, progress),
  );
  home.append(form);

  const control = (id) => form.querySelector(`#${id}`);
  const remember = control("remember");
  const values = (ids) => Object.fromEntries(ids.map((id) => [id, control(id).value]));

  const HINTS = {
    author_email: { required: words.never_shown, optional: words.optional_never_shown },
    author_url: { optional: words.optional },
  };

  /* Asks for what the site wants to know, and says what it has to say; what is not wanted is not sent. */
  const adapt = (asked) => {
    for (const [id, hints] of Object.entries(HINTS)) {
      const presence = asked[id];
      const input = control(id);
      input.parentNode.hidden = input.disabled = presence === "hidden";
      input.required = presence === "required";
      control(`${id}-hint`).textContent = hints[presence] ? `(${hints[presence]})` : "";
    }
    mailed.hidden = asked.author_email === "hidden";
    const { rules_url, contact } = asked;
    const rules = rules_url ? [make("a", { href: rules_url }, words.rules)] : [];
    const mail = contact ? [make("a", { href: `mailto:${contact}` }, words.contact)] : [];
    links.replaceChildren(...rules, rules_url && contact ? " · " : "", ...mail);
  };

  /* Notes that somebody begins to write: the service says at what time, and how to call the trap. */
  const begin = () => {
    stamp ??= request(`stamp?${new URLSearchParams({ page_url: about().page_url })}`, spoken).then(
      ({ form_stamp, honeypot }) => {
        trap.name = honeypot ?? "";
        return form_stamp;
      },
      tell,
    );
  };

  /* What a browser is asked for that sent something suspicious is done out of sight, by a script of its own. */
  const work = async (answered) => {
    const { prove } = await workScript();
    await prove(answered, spoken, request);
  };

  const renew = () => preview.replaceChildren(previewed(control("body").value));

  /* The draft outlives a reload, in this tab alone, with the key under which it may have arrived already. */
  const keepDraft = () => {
    const fields = values(FIELDS);
    keep("sessionStorage", draftKey, fields.body.trim() ? { fields, sent } : null);
  };

  /* Takes up what was being written for a page; what stands in the form of another page stays with that one. */
  const recallDraft = (url) => {
    draftKey = `draft ${url}`;
    const draft = recall("sessionStorage", draftKey) ?? {};
    const author = recall("localStorage", AUTHOR);
    remember.checked = Boolean(author);
    sent = draft.sent ?? {};
    stamp = null;
    if (draft.sent) begin();
    control("body").value = draft.fields?.body ?? "";
    for (const id of ABOUT_AUTHOR) {
      control(id).value = draft.fields?.[id] || control(id).value || author?.[id] || "";
    }
    mark({});
    say();
  };

  const keepAuthor = () => keep("localStorage", AUTHOR, remember.checked ? values(ABOUT_AUTHOR) : null);

  const say = (kind, title, text) => {
    fillNote(note, kind, title, text);
    form.prepend(note);
  };

  /* Answers a comment: the form comes below it, at its depth, with all that stands in it. */
  const answer = (comment, from, depth) => {
    parent = comment;
    opener = from;
    legend.replaceChildren(...fill(words.reply_to, { author: nameOf(comment) }));
    cancel.hidden = false;
    say();
    form.className = `framed depth-${depth}`;
    place(comment.id, form);
    control("body").focus();
  };

  const leave = () => {
    parent = null;
    legend.replaceChildren(words.write);
    cancel.hidden = true;
    form.className = "";
    home.append(form);
    if (opener?.isConnected) opener.focus();
    opener = null;
  };

  const mark = (errors) => {
    for (const id of FIELDS) {
      control(`${id}-fault`).textContent = (errors[id] ?? []).map((one) => one.message).join(" ");
      control(id).setAttribute("aria-invalid", id in errors);
    }
  };

  const complain = ({ problem, wait }) => {
    const errors = problem.errors ?? {};
    const elsewhere = Object.keys(errors).filter((id) => !FIELDS.includes(id));
    const sentences = [problem.detail, ...elsewhere.map((id) => errors[id][0].message)];
    if (wait) sentences.push(fill(words.wait, { duration: duration(Number(wait), locale) }).join(""));
    say("bad", `${problem.title}.`, sentences.join(" "));
    mark(errors);
    const first = FIELDS.find((id) => id in errors);
    (first ? control(first) : note).focus();
  };

  const thank = (fields, answered) => {
    const replied = parent?.id;
    mark({});
    control("body").value = "";
    sent = {};
    renew();
    keepDraft();
    keepAuthor();
    leave();
    const warnings = (answered.warnings ?? []).map((one) => one.message);
    fillNote(note, "good", words.sent, [words.sent_more, ...warnings].join(" "));
    place(replied, note);
    posted({ ...fields, ...answered, parent_id: replied ?? null }, { note, isKept: remember.checked });
    note.focus();
    if (answered.challenge) work(answered).catch(tell);
  };

  const send = async () => {
    const form_stamp = await stamp;
    const fields = Object.fromEntries(new FormData(form));
    const content = { ...fields, ...about(), parent_id: parent?.id ?? null };
    for (const id of NOTICES) content[id] = control(id).checked;
    const body = JSON.stringify(content);
    if (body !== sent.body) sent = { body, key: newKey() };
    keepDraft();
    try {
      thank(fields, await post({ ...sent, body: JSON.stringify({ ...content, form_stamp, author_token: recall("localStorage", "token") }) }, spoken));
    } catch (fault) {
      if (fault.code === "duplicate") thank(fields, {});
      else if (fault.problem) {
        complain(fault);
        refused(fault);
      } else {
        say("bad", `${words.not_sent}.`, words.not_sent_more);
        note.focus();
      }
    }
  };

  form.addEventListener("focusin", begin);
  form.addEventListener("input", () => {
    keepDraft();
    renew();
  });
  remember.addEventListener("change", keepAuthor);
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

  /* Says what the page without a script could not: that a comment has just arrived. */
  const welcome = () => {
    say("good", words.sent, words.sent_more);
    note.focus();
  };

  adapt({ author_email: "required", author_url: "optional" });

  return {
    home,
    adapt,
    recallDraft,
    answer,
    leave,
    welcome,
    isAnswering: () => Boolean(parent),
    focus: () => control("body").focus(),
  };
};

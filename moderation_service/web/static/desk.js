/* The desk with a keyboard and without reloading. Everything here also works, more slowly, without it. */
"use strict";

const POLL = 5000;
const queue = document.getElementById("queue");
const live = document.getElementById("live");

function all(selector, within = document) {
  return [...within.querySelectorAll(selector)];
}

function announce(text) {
  live.textContent = "";
  live.textContent = text;
}

function say(text) {
  const said = document.getElementById("said");
  said.removeAttribute("role");
  said.textContent = text;
  said.hidden = !text;
  announce(text);
}

/* ---- comments as cards ---- */

const cards = () => all("article[data-id]");
const waits = (card) => !card.classList.contains("decided");
const current = () => document.activeElement?.closest("article[data-id]") ?? null;

function focusCard(card) {
  card?.focus();
  card?.scrollIntoView({ block: "nearest" });
}

function step(direction) {
  const known = cards();
  const at = known.indexOf(current());
  focusCard(known[at < 0 ? (direction > 0 ? 0 : known.length - 1) : at + direction]);
}

function nextWaiting(card) {
  const known = cards();
  const at = known.indexOf(card);
  return known.slice(at + 1).find(waits) ?? known.slice(0, at).reverse().find(waits) ?? null;
}

/* Shows how a comment stands; its buttons carry the new state, so that they act on what is seen. */
function restate(card, standing, home) {
  const shown = `${standing.status}.${standing.revision}`;
  card.dataset.status = standing.status;
  card.dataset.revision = standing.revision;
  card.classList.toggle("decided", standing.status !== home);
  const line = card.querySelector(".line");
  line.textContent = standing.line;
  line.hidden = !standing.line;
  const check = card.querySelector("input[type=checkbox]");
  check.value = shown;
  if (!waits(card)) check.checked = false;
  check.disabled = !waits(card);
  for (const button of all("button[data-do]", card)) {
    button.value = `${button.dataset.do}.${standing.id}.${shown}`;
    button.hidden = button.dataset.do === "undo" ? !standing.may_undo : standing.status === button.dataset.target;
  }
  count();
}

function count() {
  const checks = all("input[name^='comment.']", queue);
  const chosen = checks.filter((one) => one.checked).length;
  const output = document.getElementById("selected");
  if (!output) return;
  output.hidden = false;
  output.textContent = chosen;
  const whole = document.querySelector("#all input");
  whole.checked = chosen > 0 && chosen === checks.filter((one) => !one.disabled).length;
  whole.indeterminate = chosen > 0 && !whole.checked;
  document.getElementById("done").hidden = cards().length === 0 || cards().some(waits);
}

/* ---- deciding ---- */

let decided = [];
let busy = false;
let turns = 0;

async function post(url, fields) {
  const answer = await fetch(url, {
    method: "POST",
    body: new URLSearchParams(fields),
    headers: { Accept: "application/json" },
    redirect: "error",
  });
  if (answer.status === 401) location.assign(queue.dataset.desk);
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}

async function decide(fields, card) {
  if (busy) return;
  busy = true;
  turns += 1;
  queue.setAttribute("aria-busy", "true");
  try {
    const answer = await post(queue.action, fields);
    for (const standing of answer.results) {
      const changed = document.getElementById(`c-${standing.id}`);
      if (!changed) continue;
      restate(changed, standing, changed.dataset.home);
      decided = decided.filter((id) => id !== standing.id);
      if (standing.outcome === "done" && !waits(changed)) decided.push(standing.id);
    }
    say(answer.message);
    const next = card && !waits(card) ? nextWaiting(card) : card ?? cards().find(waits);
    if (next) focusCard(next);
    else document.querySelector("#done:not([hidden]) a")?.focus();
  } catch {
    say(queue.dataset.unreachable);
  } finally {
    busy = false;
    turns += 1;
    queue.removeAttribute("aria-busy");
  }
}

function token() {
  return queue.elements.form_token.value;
}

function press(decision) {
  const card = current();
  if (!card && decision !== "undo") return focusCard(cards().find(waits));
  const undone = decision === "undo" && (!card || card.querySelector("button[data-do=undo]").hidden);
  const target = undone ? document.getElementById(`c-${decided.pop()}`) : card;
  const button = target?.querySelector(`button[data-do=${decision}]`);
  if (!button || button.hidden) return;
  decide({ form_token: token(), one: button.value }, target);
}

queue?.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || busy || button.name === "stay") return event.preventDefault();
  if (button.hasAttribute("data-address")) {
    event.preventDefault();
    reveal(button);
  } else if (button.name === "one" && button.closest("article")) {
    event.preventDefault();
    decide({ form_token: token(), one: button.value }, button.closest("article"));
  } else if (button.name === "many") {
    event.preventDefault();
    const chosen = all("input[name^='comment.']:checked", queue);
    if (chosen.length === 0) return say(queue.dataset.none);
    const fields = chosen.map((one) => [one.name, one.value]);
    decide([["form_token", token()], ["many", button.value], ...fields], null);
  }
});

async function reveal(button) {
  try {
    const { address } = await post(button.formAction, { form_token: token() });
    const place = button.closest(".facts").querySelector(".address");
    place.textContent = address;
    place.tabIndex = -1;
    button.remove();
    place.focus();
    announce(address);
  } catch {
    say(queue.dataset.unreachable);
  }
}

queue?.addEventListener("change", (event) => {
  if (event.target.closest("#all")) {
    for (const check of all("input[name^='comment.']:enabled", queue)) check.checked = event.target.checked;
  }
  count();
});

/* ---- keys ---- */

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  a: () => press("approve"),
  r: () => press("reject"),
  s: () => press("spam"),
  u: () => press("undo"),
  "?": () => document.getElementById("help").showModal(),
};

function types(element) {
  return element.closest("textarea, select, input:not([type=checkbox])") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && !"jk".includes(event.key)) return;
  if (!queue || document.querySelector("dialog[open]") || types(event.target)) return;
  const act = KEYS[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

document.getElementById("keys")?.addEventListener("click", KEYS["?"]);

/* ---- what happens elsewhere ---- */

let told = 0;

/* An answer that was asked for before a decision, and came after it, is older than what is shown. */
async function look() {
  const turn = turns;
  const url = new URL(queue.dataset.updates, location.href);
  url.searchParams.set("shown", cards().map((card) => card.dataset.id).join(","));
  url.searchParams.set("newest", queue.dataset.newest);
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (answer.status === 401) return location.assign(queue.dataset.desk);
  if (!answer.ok) return;
  const { comments, new: fresh, message } = await answer.json();
  if (turn !== turns) return;
  const changes = [];
  for (const standing of comments) {
    const card = document.getElementById(`c-${standing.id}`);
    if (!card || card.dataset.status === standing.status && Number(card.dataset.revision) === standing.revision) continue;
    const inside = card.contains(document.activeElement);
    restate(card, standing, card.dataset.home);
    if (inside) card.focus();
    changes.push(`${card.querySelector("h2").textContent.trim()} ${standing.line}`);
  }
  const news = document.getElementById("news");
  news.hidden = fresh === 0;
  news.querySelector("span").textContent = message;
  if (fresh > told) changes.push(message);
  told = fresh;
  if (changes.length > 0) announce(changes.join(" "));
}

async function watch() {
  if (!document.hidden) {
    try {
      await look();
    } catch {
      /* Out of reach for now; the next look may come through. */
    }
  }
  setTimeout(watch, POLL);
}

if (queue && live) {
  for (const card of cards()) card.dataset.home = card.dataset.status;
  for (const id of ["all", "keys"]) document.getElementById(id)?.removeAttribute("hidden");
  count();
  setTimeout(watch, POLL);
}

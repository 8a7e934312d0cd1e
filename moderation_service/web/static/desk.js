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

/* What went otherwise than asked stands above the list; what went well is seen in the row, and only read out. */
function say(text, isPlain = false) {
  const said = document.getElementById("said");
  said.removeAttribute("role");
  said.textContent = text;
  said.hidden = isPlain || !text;
  announce(text);
}

/* ---- rows ---- */

const rows = () => all("article[data-id]");
const waits = (row) => row.dataset.status === row.dataset.home;
const current = () => document.activeElement?.closest("article[data-id]") ?? null;

function focusRow(row) {
  row?.focus();
  row?.scrollIntoView({ block: "nearest" });
}

function step(direction) {
  const known = rows();
  const at = known.indexOf(current());
  focusRow(known[at < 0 ? (direction > 0 ? 0 : known.length - 1) : at + direction]);
}

function nextWaiting(row) {
  const known = rows();
  const at = known.indexOf(row);
  return known.slice(at + 1).find(waits) ?? known.slice(0, at).reverse().find(waits) ?? null;
}

/* A comment whose text its author has changed: its row as it is now, so that nobody decides on what they do not see.
   It goes where it was decided, too, and is no longer of this list. */
async function renew(row) {
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById(row.id);
  if (!fresh) {
    row.remove();
    return count();
  }
  fresh.dataset.home = fresh.dataset.status;
  const isFocused = row.contains(document.activeElement);
  row.replaceWith(fresh);
  if (isFocused) focusRow(fresh);
  count();
}

/* Shows how a comment stands; its buttons carry the new state, so that they act on what is seen. */
function restate(row, standing) {
  const isOfEdit = row.dataset.status === "edited" && standing.place !== "edited";
  if (isOfEdit || Number(row.dataset.revision) !== standing.revision) return renew(row);
  const shown = `${standing.status}.${standing.revision}`;
  row.dataset.status = standing.place;
  for (const sign of all("[data-sign]", row)) {
    sign.setAttribute("class", `sign ${standing.status}`);
    sign.firstElementChild.setAttribute("href", `#s-${standing.status}`);
  }
  for (const word of all("[data-word]", row)) {
    word.className = `state ${standing.status}`;
    word.textContent = standing.word;
  }
  for (const by of all("[data-by]", row)) by.textContent = standing.by;
  row.querySelector(".stands").hidden = ["pending", "reported", "edited"].includes(standing.place);
  const check = row.querySelector(".pick input");
  check.value = shown;
  if (!waits(row)) check.checked = false;
  check.disabled = !waits(row);
  const focused = row.contains(document.activeElement) ? document.activeElement : null;
  for (const button of all("button[data-do]", row)) {
    button.value = `${button.dataset.do}.${standing.id}.${shown}`;
    button.hidden = button.dataset.do === "undo" ? !standing.may_undo : [button.dataset.target, "withdrawn"].includes(standing.place);
  }
  if (focused?.hidden || focused?.disabled) focusRow(row);
  count();
}

/* A row that is decided becomes one line; one that is being looked at only when that is over. */
function settle(row, isAtOnce) {
  if (!isAtOnce && !waits(row) && row.matches(":hover, :focus-within")) {
    for (const event of ["pointerleave", "focusout"]) {
      row.addEventListener(event, () => setTimeout(() => settle(row, false)), { once: true });
    }
    return;
  }
  row.classList.toggle("decided", !waits(row));
  count();
}

function count() {
  const checks = all(".row .pick input", queue);
  const chosen = checks.filter((one) => one.checked).length;
  const output = document.getElementById("selected");
  document.getElementById("done").hidden = rows().length === 0 || rows().some(waits);
  if (!output) return;
  const text = chosen === 1 ? output.dataset.one : output.dataset.many.replace("{}", chosen);
  output.textContent = chosen === 0 ? output.dataset.none : text;
  output.classList.toggle("none", chosen === 0);
  document.getElementById("clear").hidden = chosen === 0;
  const whole = document.querySelector("#all input");
  whole.checked = chosen > 0 && chosen === checks.filter((one) => !one.disabled).length;
  whole.indeterminate = chosen > 0 && !whole.checked;
}

function tick(isChecked) {
  for (const check of all(".row .pick input:enabled", queue)) check.checked = isChecked;
  count();
}

function renumber({ counts, heading, page_title: title }) {
  for (const place of all("[data-count]")) {
    if (place.dataset.count in counts) place.textContent = counts[place.dataset.count];
  }
  if (heading) document.getElementById("heading").textContent = heading;
  if (title) document.title = title;
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

async function decide(fields, row) {
  if (busy) return;
  busy = true;
  turns += 1;
  queue.setAttribute("aria-busy", "true");
  try {
    const answer = await post(queue.action, fields);
    for (const standing of answer.results) {
      const changed = document.getElementById(`c-${standing.id}`);
      if (!changed) continue;
      await restate(changed, standing);
      settle(changed, true);
      decided = decided.filter((id) => id !== standing.id);
      if (standing.outcome === "done" && !waits(changed)) decided.push(standing.id);
    }
    renumber(answer);
    say(answer.message, answer.results.every((one) => one.outcome === "done" || one.outcome === "unchanged"));
    const next = row && !waits(row) ? nextWaiting(row) : row ?? rows().find(waits);
    if (next) focusRow(next);
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
  const row = current();
  if (!row && decision !== "undo") return focusRow(rows().find(waits));
  const undone = decision === "undo" && (!row || row.querySelector("button[data-do=undo]").hidden);
  const target = undone ? document.getElementById(`c-${decided.pop()}`) : row;
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
    const chosen = all(".row .pick input:checked", queue);
    if (chosen.length === 0) return say(queue.dataset.none);
    const fields = chosen.map((one) => [one.name, one.value]);
    decide([["form_token", token()], ["many", button.value], ...fields], null);
  }
});

async function reveal(button) {
  try {
    const { address } = await post(button.formAction, { form_token: token() });
    const place = document.createElement("span");
    place.className = "address whole-address";
    place.textContent = address;
    place.tabIndex = -1;
    button.replaceWith(place);
    place.focus();
    announce(address);
  } catch {
    say(queue.dataset.unreachable);
  }
}

queue?.addEventListener("change", (event) => {
  if (event.target.closest("#all")) tick(event.target.checked);
  else count();
});

document.getElementById("clear")?.addEventListener("click", () => {
  tick(false);
  document.querySelector("#all input").focus();
});

/* A menu closes when something else is pressed; who was in it is then at what opens it. */
function closeMenus() {
  for (const menu of all(".more-actions[open]")) {
    const summary = menu.querySelector("summary");
    if (menu.contains(document.activeElement)) summary.focus();
    menu.open = false;
  }
}

document.addEventListener("click", (event) => {
  for (const menu of all(".more-actions[open]")) if (!menu.contains(event.target)) menu.open = false;
});

/* ---- keys ---- */

function select() {
  const check = (current() ?? rows().find(waits))?.querySelector(".pick input:enabled");
  if (!current()) return focusRow(rows().find(waits));
  if (!check) return;
  check.checked = !check.checked;
  count();
}

function openRow() {
  const row = document.activeElement;
  if (!row?.matches("article[data-id]")) return false;
  location.assign(queue.dataset.comments + row.dataset.id);
  return true;
}

function search() {
  location.hash = "find";
  document.getElementById("q").focus();
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  a: () => press("approve"),
  r: () => press("reject"),
  s: () => press("spam"),
  u: () => press("undo"),
  x: select,
  Enter: openRow,
  "/": search,
  "?": () => document.getElementById("help").showModal(),
};

function types(element) {
  return element.closest("textarea, select, input:not([type=checkbox])") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && !"jk".includes(event.key)) return;
  if (!queue || document.querySelector("dialog[open]") || types(event.target)) return;
  if (event.key === "Escape") closeMenus();
  const act = KEYS[event.key];
  if (act && act() !== false) event.preventDefault();
});

document.getElementById("keys")?.addEventListener("click", KEYS["?"]);

/* ---- from page to page: whoever left by keys goes on at the same filter, else at the tab or the heading ---- */

const LEFT = "moderation-left-at";
let usesKeys = false;

function arrive() {
  const left = sessionStorage.getItem(LEFT);
  sessionStorage.removeItem(LEFT);
  const comesIn = document.referrer.includes(`${location.pathname}/login/`) && matchMedia("(pointer: fine)").matches;
  if (left === null && !comesIn || document.activeElement !== document.body) return;
  if (document.querySelector("[autofocus]")) return; // a field in which something is wrong, which the browser goes to
  const same = all(".rail a").find((one) => one.getAttribute("href") === left && one.checkVisibility());
  const aimed = document.getElementById(location.hash.slice(1));
  const place = aimed ?? same ?? document.querySelector(".tabs [aria-current]") ?? document.querySelector("main h1");
  if (!place.matches("a")) place.tabIndex = -1;
  place.focus({ preventScroll: place === aimed });
}

document.addEventListener("keydown", () => { usesKeys = true; }, { capture: true });
document.addEventListener("pointerdown", () => { usesKeys = false; }, { capture: true });
addEventListener("pagehide", () => {
  const filter = document.activeElement?.closest(".rail a");
  if (usesKeys) sessionStorage.setItem(LEFT, filter?.getAttribute("href") ?? "");
  else sessionStorage.removeItem(LEFT);
});

/* ---- what happens elsewhere ---- */

let announced = 0;

/* An answer that was asked for before a decision, and came after it, is older than what is shown. */
async function look() {
  const turn = turns;
  const url = new URL(queue.dataset.updates, location.href);
  url.searchParams.set("shown", rows().map((row) => row.dataset.id).join(","));
  url.searchParams.set("newest", queue.dataset.newest);
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (answer.status === 401) return location.assign(queue.dataset.desk);
  if (!answer.ok) return;
  const found = await answer.json();
  if (turn !== turns) return;
  const changes = [];
  for (const standing of found.comments) {
    const row = document.getElementById(`c-${standing.id}`);
    if (!row || row.dataset.status === standing.place && Number(row.dataset.revision) === standing.revision) continue;
    await restate(row, standing);
    settle(row, false);
    changes.push(`${row.querySelector("h2").textContent.trim()}: ${standing.word} ${standing.by}`);
  }
  renumber(found);
  const note = document.getElementById("new-comments");
  note.hidden = found.new === 0;
  note.querySelector("span").textContent = found.message;
  if (found.new > announced) changes.push(found.message);
  announced = found.new;
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

arrive();
if (queue && live) {
  for (const row of rows()) row.dataset.home = row.dataset.status;
  for (const id of ["all", "keys"]) document.getElementById(id)?.removeAttribute("hidden");
  for (const plain of all(".unscripted")) plain.hidden = true;
  count();
  setTimeout(watch, POLL);
}

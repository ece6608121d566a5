// The view of a run: it is looked at again and again, so that a page that was reloaded, or slept, catches up.

const {base, call, make, pause, present} = window.tonescope;
const EVERY = 1000, PATIENT = 3000; // ms between two looks without news; unseen
const ASKED_AGAIN = 3; // times, where a run that was shown cannot be
const SETTLED = 200; // ms until what steps aside for a run has done so, which would end a scroll
const ENDED = new Set(["done", "failed", "stopped", "interrupted"]);
const SKIPPED = "tonescope-guide-skipped";
const FIELD = "#prompt textarea, #prompt input";
const PLACE = /^[a-z]+\.\d+\.[a-z_]+(:\d+)?$/; // that has a page
const UNIT = /^[a-z]+(\.[a-z0-9_]+)+(:\d+)?$/;
const page = document.querySelector("nav a[aria-current]")?.getAttribute("href");
const isFirst = page === base; // the page with the field for a prompt, which shows runs of most jobs
const addressOf = name => (isFirst ? `${base}?run=` : `${base}run/`) + encodeURIComponent(name);
const nameInAddress = () => new URLSearchParams(location.search).get("run");

let watching = 0; // every new watch ends those before it

function parts(root) {
  if (!root.querySelector(".run-status")) {
    const status = make("div", {class: "run-status tonescope", hidden: ""});
    status.append(
      make("p", {class: "run-from", hidden: ""}),
      make("p", {class: "run-told", role: "status", "aria-live": "polite"}),
      make("progress", {class: "run-progress", max: "1", "aria-label": "Progress of this run", hidden: ""}),
      make("button", {class: "run-stop", type: "button", hidden: ""}, "Stop"),
      make("button", {class: "run-again", type: "button", "data-ask": "again", "data-value": "", hidden: ""}, "Start again"),
    );
    root.replaceChildren(status, make("div", {class: "run-found"}));
  }
  const at = name => root.querySelector(`.run-${name}`);
  return {status: at("status"), from: at("from"), told: at("told"), progress: at("progress"), stop: at("stop"),
    again: at("again"), found: at("found")};
}

function showFrom(at) {
  const before = new URLSearchParams(location.search).get("from");
  at.hidden = !before;
  if (before) at.replaceChildren(make("a", {href: addressOf(before)}, "← Back to the run before"));
}

function fill(at, html) {
  const open = [...at.querySelectorAll("details[open][id]")].map(each => each.id);
  at.innerHTML = html; // made on the server, where all text is escaped
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  const canAsk = Boolean(document.getElementById("run-unit"));
  for (const unit of at.querySelectorAll("td code")) if (UNIT.test(unit.textContent)) linked(unit, canAsk);
  if (!canAsk) return;
  const labels = new Set([...document.querySelectorAll("#run-foil option")].map(option => option.value));
  for (const cell of at.querySelectorAll("td")) if (labels.has(cell.textContent)) named(cell, "run-foil", "Ask: why not this?");
}

/** A unit leads to its page; where it can be asked about, it goes into the field, with its page beside it. */
function linked(unit, canAsk) {
  const name = unit.textContent;
  const page = !PLACE.test(name) ? null : make("a", {href: `${base}microscope/${name}`, class: "run-unit-page"}, canAsk ? "page" : name);
  if (canAsk) {
    page?.setAttribute("title", `Page of ${name}`);
    if (page) unit.after(" ", page);
    named(unit, "run-unit", "Change this, and hear the result");
  } else if (page) unit.replaceChildren(page);
}

/** What stands in a table becomes a button that puts it into a field. */
function named(place, field, title) {
  place.replaceChildren(make("button", {type: "button", class: "run-named", title, "data-into": field}, place.textContent));
}

const isPlaying = at => [...at.querySelectorAll("tonescope-ab")].some(player => player.data && player.transport.playing);

async function watch(name) {
  const mine = ++watching;
  const root = await present("#run-view");
  const at = parts(root);
  document.documentElement.toggleAttribute("data-run", Boolean(name)); // what leads to a first run steps aside
  at.status.hidden = !name;
  at.found.replaceChildren();
  at.told.textContent = name ? "Opening…" : "";
  at.stop.hidden = at.again.hidden = at.progress.hidden = true;
  delete root.dataset.state; // that of another run
  delete root.dataset.job;
  delete root.dataset.played;
  document.dispatchEvent(new Event("tonescope-run")); // what is told of its prompt before it is played steps aside
  if (!name) return;
  showFrom(at.from);
  document.getElementById("run-guide")?.setAttribute("hidden", "");
  let mark = "-", filled = false, missed = 0;
  while (mine === watching) {
    let response, shown;
    const began = performance.now();
    try { // the server answers at once where there is news, and where nobody looks
      response = await fetch(`${base}run/${encodeURIComponent(name)}/state?mark=${mark}${document.hidden ? "" : "&wait=1"}`);
      shown = await response.json();
    } catch {
      at.told.textContent = "The server does not answer; it is asked again. The run is not lost.";
      await pause(PATIENT);
      continue;
    }
    if (mine !== watching) return;
    if (response.status === 401) {
      const next = encodeURIComponent(`/?run=${name}`);
      at.told.replaceChildren("You are no longer signed in. ", make("a", {href: `${base}login?next=${next}`}, "Sign in"));
      return;
    }
    if (!response.ok && filled && missed++ < ASKED_AGAIN) { // busy for once: the run goes on
      await pause(PATIENT);
      continue;
    }
    if (!response.ok) {
      at.told.replaceChildren(shown.detail ?? "This run cannot be opened.", " ", make("a", {href: `${base}library`}, "Your library"));
      at.told.classList.add("run-wrong");
      root.dataset.played = "";
      return;
    }
    if (shown.html !== undefined && isPlaying(at.found)) { // nobody is interrupted who listens
      at.told.textContent = `${shown.told} More is known now; it is shown when you pause.`.trim();
      at.progress.value = shown.share;
      await pause(EVERY);
      continue;
    }
    const ended = ENDED.has(shown.state);
    missed = 0;
    mark = shown.mark;
    at.told.setAttribute("aria-live", shown.state === "running" ? "off" : "polite"); // not every per cent is read out
    if (at.told.textContent !== shown.told) at.told.textContent = shown.told;
    at.told.classList.toggle("run-wrong", shown.state === "failed");
    at.progress.hidden = at.stop.hidden = ended;
    at.progress.value = shown.share;
    at.again.hidden = !ended || shown.state === "done";
    at.again.textContent = shown.goes_on ? "Go on" : "Start again";
    at.status.hidden = ended && !shown.told && at.from.hidden;
    if (shown.html !== undefined) fill(at.found, shown.html);
    root.dataset.job = shown.job;
    root.dataset.state = shown.state;
    if (!filled) {
      filled = true;
      root.dataset.played = shown.parameters.prompt ?? shown.parameters.second ?? "";
      const field = isFirst ? await present(FIELD) : null;
      if (field && field !== document.activeElement) type(field, root.dataset.played);
      document.dispatchEvent(new Event("tonescope-run"));
      document.title = `${shown.title.slice(0, 60)} · Tonescope`;
    }
    if (ended) return void document.getElementById("runs-again")?.click();
    const isNews = shown.html !== undefined;
    await pause(document.hidden ? PATIENT : isNews ? 0 : Math.max(0, EVERY - (performance.now() - began)));
  }
}

function type(field, text) {
  field.value = text;
  field.dispatchEvent(new Event("input", {bubbles: true}));
}

/** Go to a run without loading the page anew; one that was asked on from may be for another page. */
function open(name, from = null) {
  const query = new URLSearchParams({run: name, ...(from ? {from} : {})});
  if (from && !isFirst) return void location.assign(`${addressOf(name)}?from=${encodeURIComponent(from)}`);
  history.pushState({}, "", `${location.pathname}?${query}`);
  watch(name);
  setTimeout(() => document.getElementById("run-view")?.scrollIntoView({block: "start", behavior: "smooth"}), SETTLED);
}
window.tonescopeOpen = (name, from = null) => name && open(name, from);

function say(text) {
  const at = document.querySelector(".run-told");
  if (!at) return;
  at.closest(".run-status").hidden = false;
  at.textContent = text;
}

/** What is wrong with what a button asked, told under it; nothing, and it goes away. */
function sayBeside(button, text = "") {
  document.querySelector(".run-beside")?.remove();
  const row = button.closest(".run-chips, .run-row");
  if (!text) return;
  if (row) row.after(make("p", {class: "run-beside run-wrong", role: "alert"}, text));
  else say(text);
}

async function copy(button) {
  const address = new URL(button.dataset.copy, location.href).href;
  try {
    await navigator.clipboard.writeText(address);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy link"; }, 2000);
  } catch { // not allowed here: shown, to be copied by hand
    button.replaceWith(make("code", {}, address));
  }
}

/** What a button asks with: a value of its own, what stands in fields, or all fields of a part by their names. */
function asked(button) {
  const {value, from, and, fields} = button.dataset;
  if (fields) {
    const filled = [...document.getElementById(fields).querySelectorAll("[name]")].map(field => [field.name, field.value.trim()]);
    return JSON.stringify({where: document.getElementById(from).value, ...Object.fromEntries(filled)});
  }
  return [from, and].filter(Boolean).map(id => document.getElementById(id).value.trim()).join(" ") || (value ?? "");
}

/** Ask the server for a run or to stop one; what is wrong is told beside the button. */
async function ask(button) {
  const name = nameInAddress();
  button.disabled = true;
  sayBeside(button);
  try {
    if (button.matches(".run-stop")) {
      const {told} = await call("cancel", name);
      if (!ENDED.has(document.getElementById("run-view").dataset.state)) say(told); // else it says so already
    }
    else open((await call("ask", name, button.dataset.ask, asked(button))).run, name);
  } catch (error) {
    sayBeside(button, error.message);
  } finally {
    button.disabled = false;
  }
}

const CLICKS = {
  "[data-default]": button => type(document.querySelector(button.dataset.into), button.dataset.default),
  ".run-skip": () => {
    try { localStorage.setItem(SKIPPED, "1"); } catch { /* until the page is left */ }
    document.getElementById("run-guide").hidden = true;
  },
  "[data-copy]": copy,
  "[data-prompt]": async button => {
    const field = await present(FIELD);
    type(field, button.dataset.prompt);
    field.focus();
    field.scrollIntoView({block: "center"});
  },
  ".run-named": button => {
    const field = document.getElementById(button.dataset.into);
    field.value = button.textContent;
    field.focus();
    field.scrollIntoView({block: "center"});
  },
  ".run-stop, [data-ask]": ask,
};

/** A file of text goes into a field, where it can be read and changed; nothing is sent. */
document.addEventListener("change", async event => {
  const {into, most} = event.target.dataset ?? {}, [file] = event.target.files ?? [];
  if (!into || !file) return;
  sayBeside(event.target);
  if (file.size > Number(most)) sayBeside(event.target, `“${file.name}” is too large: at most ${Number(most) / 1000} kB can be used here.`);
  else type(document.querySelector(into), await file.text());
  event.target.value = ""; // so that the same file can be opened again
});
/** Files that are dropped on a place, or on the design, go the way of those that are chosen beside it. */
for (const kind of ["dragover", "dragleave", "drop"]) document.addEventListener(kind, event => {
  const place = event.target.closest?.("[data-drop], #design");
  if (!place) return;
  event.preventDefault();
  place.toggleAttribute("data-over", kind === "dragover");
  if (kind !== "drop" || !event.dataTransfer.files.length) return;
  const chosen = document.querySelector("#job-form input[type=file]");
  chosen.files = event.dataTransfer.files;
  chosen.dispatchEvent(new Event("change", {bubbles: true}));
});
document.addEventListener("click", event => {
  for (const [selector, act] of Object.entries(CLICKS)) {
    const button = event.target.closest?.(selector);
    if (button) return void act(button);
  }
});
addEventListener("popstate", () => watch(nameInAddress()));

if (nameInAddress()) watch(nameInAddress());
else if (isFirst) {
  let skipped = false;
  try { skipped = localStorage.getItem(SKIPPED) === "1"; } catch { /* shown again */ }
  if (!skipped) present("#run-guide").then(guide => { if (!nameInAddress()) guide.hidden = false; });
}

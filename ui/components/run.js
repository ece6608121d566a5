// The view of a run: it is looked at again and again, so that a page that was reloaded, or slept, catches up.

const EVERY = 700, PATIENT = 3000; // ms between two looks; after one that failed
const ENDED = new Set(["done", "failed", "stopped", "interrupted"]);
const SKIPPED = "tonescope-guide-skipped";
const base = document.querySelector(".frame-name")?.getAttribute("href") ?? "/";
const nameInAddress = () => new URLSearchParams(location.search).get("run");

let watching = 0; // every new watch ends those before it

function make(tag, attributes = {}, text = "") {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

const pause = ms => new Promise(done => setTimeout(done, ms));

function present(selector) {
  return new Promise(found => {
    const look = () => {
      const at = document.querySelector(selector);
      if (at) found(at);
      else setTimeout(look, 50);
    };
    look();
  });
}

/** Sentences come escaped; nothing of a document made so is run or fetched. */
const plain = escaped => new DOMParser().parseFromString(escaped, "text/html").body.textContent;

/** Call a function of the app by its name, as other programs do. */
async function call(name, ...data) {
  const at = `${base}gradio_api/call/${name}`;
  const begun = await fetch(at, {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify({data}),
  });
  const told = await begun.json();
  if (!begun.ok) throw new Error(told.detail ?? "This did not work; try again.");
  const last = (await (await fetch(`${at}/${told.event_id}`)).text()).trim().split("\n\n").pop();
  const [event, ...rest] = last.split("\n");
  const answer = JSON.parse(rest.join("\n").replace(/^data: /, "") || "null");
  if (event !== "event: complete") throw new Error(plain(answer?.error ?? "This did not work; try again."));
  return answer[0];
}

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
  if (before) at.replaceChildren(make("a", {href: `${base}?run=${encodeURIComponent(before)}`}, "← Back to the run before"));
}

function fill(at, html) {
  const open = [...at.querySelectorAll("details[open][id]")].map(each => each.id);
  at.innerHTML = html; // made on the server, where all text is escaped
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
}

async function watch(name) {
  const mine = ++watching;
  const root = await present("#run-view");
  const at = parts(root);
  at.status.hidden = !name;
  at.found.replaceChildren();
  at.told.textContent = name ? "Opening…" : "";
  at.stop.hidden = at.again.hidden = at.progress.hidden = true;
  if (!name) return;
  showFrom(at.from);
  document.getElementById("run-guide")?.setAttribute("hidden", "");
  let mark = "-", filled = false;
  while (mine === watching) {
    let response, shown;
    try {
      response = await fetch(`${base}run/${encodeURIComponent(name)}/state?mark=${mark}`);
      shown = await response.json();
    } catch {
      at.told.textContent = "The server does not answer; it is asked again. The run is not lost.";
      await pause(PATIENT);
      continue;
    }
    if (mine !== watching) return;
    if (!response.ok) {
      at.told.textContent = shown.detail ?? "This run cannot be opened.";
      return;
    }
    const ended = ENDED.has(shown.state);
    mark = shown.mark;
    if (at.told.textContent !== shown.told) at.told.textContent = shown.told;
    at.told.classList.toggle("run-wrong", shown.state === "failed");
    at.progress.hidden = at.stop.hidden = ended;
    at.progress.value = shown.share;
    at.again.hidden = !ended || shown.state === "done";
    at.status.hidden = ended && !shown.told && at.from.hidden;
    if (shown.html !== undefined) fill(at.found, shown.html);
    root.dataset.state = shown.state;
    if (!filled) {
      filled = true;
      const field = await present("#prompt textarea, #prompt input");
      if (!field.value) type(field, shown.parameters.prompt ?? "");
      document.title = `${shown.title.slice(0, 60)} · Tonescope`;
    }
    if (ended) return;
    await pause(document.hidden ? PATIENT : EVERY);
  }
}

function type(field, text) {
  field.value = text;
  field.dispatchEvent(new Event("input", {bubbles: true}));
}

/** Go to a run without loading the page anew. */
function open(name, from = null) {
  const query = new URLSearchParams({run: name, ...(from ? {from} : {})});
  history.pushState({}, "", `${base}?${query}`);
  watch(name);
  document.getElementById("run-view")?.scrollIntoView({block: "start", behavior: "smooth"});
}
window.tonescopeOpen = name => name && open(name);

function say(text) {
  const at = document.querySelector(".run-told");
  if (!at) return;
  at.closest(".run-status").hidden = false;
  at.textContent = text;
}

async function copy(button) {
  const address = new URL(button.dataset.copy, location.href).href;
  try {
    await navigator.clipboard.writeText(address);
    button.textContent = "Copied";
  } catch { // not allowed here: shown, to be copied by hand
    button.replaceWith(make("code", {}, address));
  }
}

document.addEventListener("click", async event => {
  const button = event.target.closest?.("[data-ask],[data-prompt],[data-copy],.run-stop,.run-skip");
  if (!button) return;
  if (button.matches(".run-skip")) {
    try { localStorage.setItem(SKIPPED, "1"); } catch { /* until the page is left */ }
    document.getElementById("run-guide").hidden = true;
  } else if (button.dataset.copy !== undefined) {
    await copy(button);
  } else if (button.dataset.prompt !== undefined) {
    const field = await present("#prompt textarea, #prompt input");
    type(field, button.dataset.prompt);
    field.focus();
    field.scrollIntoView({block: "center"});
  } else {
    const name = nameInAddress();
    button.disabled = true;
    try {
      if (button.matches(".run-stop")) {
        say((await call("cancel", name)).told);
      } else {
        open((await call("ask", name, button.dataset.ask, button.dataset.value)).run, name);
      }
    } catch (error) {
      say(error.message);
      document.querySelector(".run-told")?.scrollIntoView({block: "center"});
    } finally {
      button.disabled = false;
    }
  }
});
addEventListener("popstate", () => watch(nameInAddress()));

const page = document.querySelector("nav a[aria-current]")?.getAttribute("href");
if (page === base) {
  if (nameInAddress()) watch(nameInAddress());
  else {
    let skipped = false;
    try { skipped = localStorage.getItem(SKIPPED) === "1"; } catch { /* shown again */ }
    if (!skipped) present("#run-guide").then(guide => { if (!nameInAddress()) guide.hidden = false; });
  }
}

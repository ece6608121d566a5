// Feedback while a prompt is typed: asked for when the typing pauses for a moment, the last answer alone is shown.

const {base, call, pause, present} = window.tonescope;
const PAUSE = 120, SETTLED = 900; // ms without a key: looked at; all is said, of the last word as well
const FIELD = "#prompt textarea, #prompt input";
const STAYS = 3, LOOKS = 40; // looks at a field that is being filled: that it stays so, and at most
const TAKES = 8; // of each prompt that is contrasted
const PLAYED_WITH = ["seconds", "seed", "guidance", "negative", "temperature", "top_k"];

let waiting = 0, settling = 0, asking = null, drafting = null, wasPlayed = false;
const at = selector => document.querySelector(`#feedback ${selector}`);
const typed = () => document.querySelector(FIELD)?.value ?? "";
const runShown = () => new URLSearchParams(location.search).get("run");
const of = name => document.querySelector(`#field-${name} :is(input, textarea)`)?.value.trim() ?? ""; // of the form, where it is open

function say(text) {
  const problem = at(".feedback-wrong");
  problem.hidden = !text;
  problem.textContent = text;
}

function show(html) {
  const told = at(".feedback-told"), open = [...told.querySelectorAll("details[open]")].map(each => each.id);
  told.innerHTML = html; // made on the server, where all text is escaped
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
}

async function look(settled) {
  const panel = document.getElementById("feedback"), prompt = typed();
  asking?.abort();
  panel.hidden = !prompt.trim();
  const played = document.getElementById("run-view")?.dataset.played; // nothing yet, of a run that is being opened
  const isPlayed = runShown() && (played === undefined || prompt === played);
  at("[data-feedback=contrast]").hidden = !runShown() || isPlayed;
  at(".feedback-told").hidden = isPlayed; // what is heard stands below
  if (isPlayed !== wasPlayed) at(".feedback-more").open = !isPlayed; // folded above a verdict
  wasPlayed = isPlayed;
  if (panel.hidden || isPlayed) return;
  const mine = asking = new AbortController();
  try {
    const response = await fetch(`${base}feedback`, {
      method: "POST",
      headers: {"Content-Type": "application/json"},
      body: JSON.stringify({prompt, settled, intended: document.getElementById("feedback-intended").value}),
      signal: mine.signal,
    });
    const told = await response.json();
    if (mine !== asking) return;
    say(response.ok ? "" : told.detail ?? "There is no feedback just now.");
    show(response.ok ? told.html : "");
    if (settled) at(".feedback-said").textContent = at(".feedback-lead")?.textContent ?? "";
    if (settled && response.ok) draft(prompt);
  } catch (error) {
    if (error.name !== "AbortError") say("The server does not answer; there is feedback again when it does.");
  }
}

/** The first seconds of one take, where that is asked for; a run, or the next key, ends it. */
async function draft(prompt) {
  if (!document.getElementById("feedback-draft").checked) return;
  const mine = drafting = new AbortController();
  try {
    const response = await fetch(`${base}draft`, {
      method: "POST",
      headers: {"Content-Type": "application/json"},
      body: JSON.stringify({prompt}),
      signal: mine.signal,
    });
    const told = await response.json();
    if (mine === drafting && response.ok) at(".feedback-drafted").innerHTML = told.html; // made on the server, escaped
  } catch { /* typed on, or no server: what is said of the prompt says so */ }
}

/** What is about to be played needs no guess, which would take time from it. */
function hush() {
  clearTimeout(waiting);
  clearTimeout(settling);
  asking?.abort();
  drafting?.abort();
  drafting = null;
}

function soon() {
  hush();
  at(".feedback-drafted").replaceChildren(); // of another prompt
  waiting = setTimeout(look, PAUSE, false);
  settling = setTimeout(look, SETTLED, true);
}

/** Those settings of a run, or of the form, that say how a prompt is played, as far as they are known. */
const chosen = given => Object.fromEntries(PLAYED_WITH.map(name => [name, given(name)]).filter(([, value]) => value !== "" && value != null));

/** What the run that is shown was asked; nothing, where none is. */
async function ofRun() {
  if (!runShown()) return {};
  const answer = await fetch(`${base}run/${encodeURIComponent(runShown())}/state`);
  return answer.ok ? (await answer.json()).parameters ?? {} : {};
}

/** What is asked of the prompt that stands in the field: as the run is played that is shown, or as the form says. */
const ASKED = {
  suggest: async prompt => {
    const before = await ofRun(), played = {...chosen(name => before[name]), ...chosen(of)};
    const about = {...played, prompt, budget: Number(document.getElementById("feedback-budget").value)};
    return ["suggest", {...about, intended: document.getElementById("feedback-intended").value || of("intended")}];
  },
  contrast: async prompt => {
    const before = await ofRun(); // both prompts on the noise of that run
    const played = chosen(name => before[name]);
    return ["contrast", {...played, first: before.prompt ?? before.second ?? "", second: prompt, takes: TAKES}];
  },
};

async function start(button) {
  button.disabled = true;
  say("");
  try {
    const [job, given] = await ASKED[button.dataset.feedback](typed()), before = runShown();
    window.tonescopeOpen((await call("submit", job, given)).run, before);
  } catch (error) {
    say(error.message);
  } finally {
    button.disabled = false;
  }
}

/** How an offered prompt was played, put into the form, which is opened for it. */
async function fill(settings) {
  for (const [name, value] of Object.entries(settings)) {
    const field = `#field-${name} :is(input, textarea)`;
    if (!document.querySelector(field)) [...document.querySelectorAll("button.label-wrap")].find(each => each.textContent.includes("Advanced"))?.click();
    await present(field);
    for (let stays = 0, looks = 0; stays < STAYS && looks < LOOKS; looks += 1, await pause(PAUSE)) { // what was just opened fills itself first
      const at = document.querySelector(field);
      if (at?.value === value) stays += 1;
      else if (at) {
        stays = 0;
        at.value = value;
        at.dispatchEvent(new Event("input", {bubbles: true}));
      }
    }
  }
}

document.addEventListener("input", event => {
  if (event.target.matches?.(FIELD)) soon();
});
document.addEventListener("tonescope-run", () => { if (document.getElementById("feedback")) look(true); });
document.addEventListener("change", event => {
  if (event.target.id === "feedback-intended" || event.target.id === "feedback-draft") soon();
});
document.addEventListener("pointerdown", event => {
  if (event.target.closest?.("#diagnose")) hush();
});
document.addEventListener("click", event => {
  const button = event.target.closest?.("[data-feedback]"), offered = event.target.closest?.("[data-settings]");
  if (button) start(button);
  if (offered) fill(JSON.parse(offered.dataset.settings));
});
if (document.querySelector("nav a[aria-current]")?.getAttribute("href") === base) present("#feedback").then(soon);

// The list of runs: two that are ticked can be compared, any can be deleted after it was asked again.

const {base, call, make, present} = window.tonescope;

const ticked = () => [...document.querySelectorAll("#library input:checked")];

/** The bar under the list, made where it is not there yet. */
function bar() {
  const found = document.getElementById("library-bar");
  if (found) return found;
  const at = make("div", {id: "library-bar", class: "library-bar run-status tonescope", hidden: ""});
  at.append(
    make("p", {class: "run-told", role: "status", "aria-live": "polite"}),
    make("button", {type: "button", "data-library": "compare"}, "Compare"),
    make("button", {type: "button", "data-library": "delete"}, "Delete…"),
    make("button", {type: "button", "data-library": "sure", class: "run-danger", hidden: ""}, "Delete for good"),
    make("button", {type: "button", "data-library": "keep", hidden: ""}, "Keep"),
  );
  document.getElementById("library").after(at);
  return at;
}

/** What can be done with so many ticked; ``told`` is what was done. */
function show({told = "", sure = false} = {}) {
  const at = bar(), count = ticked().length, part = name => at.querySelector(`[data-library=${name}]`);
  at.hidden = !count && !told;
  at.querySelector("p").textContent = sure
    ? `Delete ${count === 1 ? "this run" : `these ${count} runs`} and all that ${count === 1 ? "it" : "they"} played?`
    : told || (count === 2 ? "2 ticked." : `${count} ticked; two can be compared.`);
  part("compare").hidden = sure || count !== 2;
  part("delete").hidden = sure || !count;
  part("sure").hidden = part("keep").hidden = !sure;
  if (sure) part("keep").focus();
}

async function remove() {
  const boxes = ticked();
  let gone = 0;
  try {
    for (const box of boxes) {
      await call("delete", box.value);
      box.closest("li").remove();
      gone += 1;
    }
    show({told: `${gone === 1 ? "1 run is" : `${gone} runs are`} deleted.`});
  } catch (error) {
    show({told: error.message});
  }
}

const ACTS = {
  compare: () => {
    const [first, second] = ticked().map(box => encodeURIComponent(box.value));
    location.href = `${base}compare?a=${second}&b=${first}`; // the older one first
  },
  delete: () => show({sure: true}),
  keep: () => show(),
  sure: remove,
};

const JOBS = {diagnose: "diagnosis", edit: "edit", suggest: "search for a prompt", contrast: "comparison", confusion: "confusion report",
  audit: "audit", listen: "listening"};

/** Two runs beside each other. */
async function compare() {
  const query = new URLSearchParams(location.search), at = await present("#compare");
  if (!query.get("a") && !query.get("b")) return; // the page tells how to choose two
  at.replaceChildren();
  document.documentElement.dataset.beside = ""; // what starts another comparison steps aside
  for (const side of ["a", "b"]) {
    const name = query.get(side) ?? "", place = make("section", {class: "run-side", "aria-label": `Run ${side.toUpperCase()}`});
    at.append(place);
    const response = await fetch(`${base}run/${encodeURIComponent(name)}/state?side=${side}-`);
    const shown = await response.json();
    if (!response.ok) {
      place.append(make("p", {class: "run-wrong", role: "alert"}, shown.detail));
      continue;
    }
    const link = make("p", {class: "tonescope run-from"});
    link.append(make("a", {href: `${base}run/${encodeURIComponent(name)}`}, `Open this ${JOBS[shown.job] ?? "run"}`));
    const found = make("div", {class: "run-found"});
    found.innerHTML = shown.html; // made on the server, where all text is escaped
    place.append(link, ...(shown.told ? [make("p", {}, shown.told)] : []), found);
  }
}

document.addEventListener("change", event => {
  if (event.target.matches?.("#library input")) show();
});
document.addEventListener("click", event => {
  const button = event.target.closest?.("[data-library]");
  if (button) ACTS[button.dataset.library]();
});
if (location.pathname.replace(/\/$/, "") === `${base}compare`) compare();

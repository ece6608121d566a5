// The pages of units: parts that are fetched when they are there, lenses that become runs, bookmarks, embedding.

const {base, call, make} = window.tonescope;

/** Fetch a part into its place, once. */
async function fetchPart(holder) {
  if (holder.dataset.fetched) return;
  holder.dataset.fetched = "1";
  const into = holder.querySelector(".scope-part") ?? holder;
  try {
    const response = await fetch(holder.dataset.part, {headers: {accept: "text/html"}});
    const text = await response.text();
    if (response.ok) into.innerHTML = text; // made on the server, where all text is escaped
    else into.replaceChildren(make("p", {class: "soft"}, new DOMParser().parseFromString(text, "text/html").querySelector("p")?.textContent ?? "This could not be read."));
  } catch {
    delete holder.dataset.fetched;
    into.replaceChildren(make("p", {class: "soft"}, "The server does not answer; open this again."));
  }
}

function say(form, text) {
  const at = form.querySelector(".scope-told");
  at.hidden = !text;
  at.textContent = text;
}

/** Send a file to the server, and give what names it there. */
async function uploaded(file) {
  const body = new FormData();
  body.append("files", file);
  const response = await fetch(`${base}gradio_api/upload`, {method: "POST", body});
  const told = await response.json();
  if (!response.ok) throw new Error(told.detail ?? "This file was not taken.");
  return {path: told[0], orig_name: file.name, meta: {_type: "gradio.FileData"}};
}

async function startLens(form) {
  const given = {};
  let clip = null;
  for (const [name, value] of new FormData(form)) {
    if (value instanceof File) clip = value.size ? value : null;
    else if (value.trim()) given[name] = value.trim();
  }
  const file = clip ? await uploaded(clip) : null;
  const {address} = await call("lens", form.dataset.lens, form.dataset.place, given, file);
  location.href = address;
}

async function keep(form) {
  const given = new FormData(form);
  await call("bookmark", form.dataset.bookmark, given.get("name"), given.get("notes"), given.get("tags"));
  location.reload();
}

/** Save bookmarks of a file; what came of it is said when the page is there again. */
async function takeIn(form) {
  const text = await new FormData(form).get("file").text();
  if (!text.trim()) throw new Error("This file is empty; choose one that was exported.");
  const {told} = await call("bookmarks", "", text);
  sessionStorage.setItem("told-bookmarks", told);
  location.hash = "scope-bookmarks";
  location.reload();
}

/** Offer bookmarks as a file. */
async function sendOut(button) {
  const {file} = await call("bookmarks", button.dataset.export, "");
  const href = URL.createObjectURL(new Blob([file], {type: "application/json"}));
  make("a", {href, download: "bookmarks.json"}).click();
  setTimeout(() => URL.revokeObjectURL(href), 10000);
}

document.addEventListener("submit", async event => {
  const form = event.target.closest("[data-lens], [data-bookmark], [data-bookmarks]");
  if (!form) return;
  event.preventDefault();
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  say(form, "");
  try {
    await (form.dataset.lens ? startLens : form.dataset.bookmark ? keep : takeIn)(form);
  } catch (error) {
    say(form, error.message);
  } finally {
    button.disabled = false;
  }
});

document.addEventListener("click", async event => {
  const drop = event.target.closest?.("[data-drop]");
  if (drop) {
    try {
      await call("unbookmark", drop.dataset.drop);
      location.reload();
    } catch (error) {
      say(drop.form, error.message);
    }
  }
  const sent = event.target.closest?.("[data-export]");
  if (sent) {
    try {
      await sendOut(sent);
    } catch (error) {
      say(sent.form, error.message);
    }
  }
  const embed = event.target.closest?.("[data-embed]");
  if (embed) {
    const frame = make("iframe", {src: new URL(embed.dataset.embed, location.href).href, title: embed.dataset.title,
      width: "720", height: "640", loading: "lazy", style: "border: 0"});
    try {
      await navigator.clipboard.writeText(frame.outerHTML);
      embed.textContent = "Copied";
      setTimeout(() => { embed.textContent = "Copy embed code"; }, 2000);
    } catch { // not allowed here: shown, to be copied by hand
      embed.replaceWith(make("code", {}, frame.outerHTML));
    }
  }
});

document.addEventListener("toggle", event => {
  if (event.target.matches?.("details[data-part]") && event.target.open) fetchPart(event.target);
}, true);

for (const holder of document.querySelectorAll("div[data-part], details[data-part][open]")) fetchPart(holder);

const toldBefore = sessionStorage.getItem("told-bookmarks");
const bookmarksForm = document.querySelector("form[data-bookmarks]");
if (toldBefore && bookmarksForm) {
  sessionStorage.removeItem("told-bookmarks");
  say(bookmarksForm, toldBefore);
}

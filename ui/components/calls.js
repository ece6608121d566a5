// What the scripts of pages share: elements, waiting for what gradio builds, functions of the app by name.

const base = document.querySelector(".frame-name")?.getAttribute("href") ?? "/";

function make(tag, attributes = {}, text = "") {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

const pause = ms => new Promise(done => setTimeout(done, ms));

/** The first element of a selector, as soon as there is one. */
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

window.tonescope = {base, call, make, pause, present};

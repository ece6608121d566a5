// <tonescope-ab>: versions of a take with one playhead; click, or press 1, 2 … or a, b …, to change over.
// Data: a Listening (diagnose/report/lanes.py), as JSON in its attribute `data`, or as an object in its property.

const LETTERS = "ABCDEFGHI";
const UNPLAYABLE = "This browser could not play the sound. Download it (↓), or open the page in another browser.";

class TonescopeAB extends HTMLElement {
  #data = null;
  #take = 0;
  #version = 0;
  #loop = false;
  #transports = new Map();
  #parts = {};
  static observedAttributes = ["data"];

  connectedCallback() {
    if (this.#data && !this.contains(this.#parts.play)) this.#build();
  }

  // An app that patches a page changes attributes and takes away children that it does not know: what is made here is
  // made when it has done so.
  attributeChangedCallback(name, before, given) {
    if (given === null) return;
    queueMicrotask(() => {
      const data = dataOf(this);
      if (data) this.data = data;
    });
  }

  disconnectedCallback() {
    for (const transport of this.#transports.values()) if (transport.playing) transport.pause();
  }

  get data() {
    return this.#data;
  }
  set data(given) {
    this.disconnectedCallback();
    this.#data = given;
    this.#take = this.#version = 0;
    this.#transports.clear();
    if (this.isConnected) this.#build();
  }

  /** What is chosen now. */
  get take() {
    return this.#data?.takes[this.#take] ?? null;
  }
  get version() {
    return this.take?.versions[this.#version] ?? null;
  }
  get transport() {
    if (!this.#transports.has(this.#take)) {
      const made = new Transport(this.take.versions, this.take.seconds);
      made.addEventListener("time", () => this.#moved());
      made.addEventListener("state", () => this.#state());
      made.addEventListener("failed", () => {
        this.#parts.note.textContent = UNPLAYABLE;
      });
      this.#transports.set(this.#take, made);
    }
    return this.#transports.get(this.#take);
  }

  /** Another take, at the same moment and in the same version. */
  choose(take) {
    const before = this.transport,
      going = before.playing,
      at = before.time;
    if (going) before.pause();
    this.#take = clamp(take, 0, this.#data.takes.length - 1);
    this.#version = Math.min(this.#version, this.take.versions.length - 1);
    this.transport.loop = this.#loop;
    this.transport.select(this.#version);
    this.transport.seek(Math.min(at, this.take.seconds));
    if (going) this.transport.play();
    this.#fill();
  }

  select(version) {
    if (version < 0 || version >= this.take.versions.length) return;
    this.#version = version;
    this.transport.select(version);
    this.#fill();
  }

  #build() {
    this.replaceChildren();
    const parts = (this.#parts = {
      takes: make("div", {class: "ts-takes", role: "group", "aria-label": "Take"}),
      versions: make("div", {class: "ts-versions", role: "group", "aria-label": "Version"}),
      play: make("button", {type: "button", class: "ts-play"}),
      wave: make("div", {class: "ts-wave"}),
      clock: make("span", {class: "ts-clock"}),
      loop: make("button", {type: "button", class: "ts-small", title: "Play again and again (L)"}, "Loop"),
      download: make("a", {class: "ts-small"}, "↓"),
      note: make("p", {class: "ts-note"}),
      hint: make("p", {class: "ts-note ts-keys"}),
    });
    const {takes} = this.#data;
    takes.forEach((take, index) => {
      const button = make("button", {type: "button", class: "ts-small"}, take.title);
      button.addEventListener("click", () => this.choose(index));
      parts.takes.append(button);
    });
    parts.takes.hidden = takes.length < 2;
    parts.play.addEventListener("click", () => this.transport.toggle());
    parts.loop.addEventListener("click", () => this.#looped(!this.#loop));
    const svg = draw("svg", {viewBox: "0 0 1 2", preserveAspectRatio: "none", "aria-hidden": "true"});
    parts.paths = [draw("path", {class: "ts-unplayed"}), draw("path", {class: "ts-played"})];
    svg.append(...parts.paths);
    parts.wave.append(svg, make("div", {class: "ts-needle"}));
    this.sync = scrubbing(parts.wave, () => this.transport, {
      label: "Position in the take",
      said: time => `${inSeconds(time)} of ${inSeconds(this.take.seconds)}`,
    });
    this.append(
      parts.takes,
      parts.versions,
      make("div", {class: "ts-transport"}, parts.play, parts.wave, parts.clock, parts.loop, parts.download),
      parts.note,
      parts.hint
    );
    this.tabIndex = -1; // a click anywhere in it is enough for its keys
    this.onkeydown = event => this.#key(event);
    this.#fill();
    this.dispatchEvent(new CustomEvent("tonescope-ready", {bubbles: true}));
  }

  #looped(wanted) {
    this.#loop = wanted;
    this.transport.loop = wanted;
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase(),
      index = /^[1-9]$/.test(key) ? +key - 1 : LETTERS.toLowerCase().indexOf(key);
    const onControl = event.target.closest(".ts-transport button, a"); // the space bar presses these
    if (key.length === 1 && index >= 0 && index < this.take.versions.length) this.select(index);
    else if (key === "l") this.#looped(!this.#loop);
    else if (key === "k" || (key === " " && !onControl)) this.transport.toggle();
    else return;
    event.preventDefault();
  }

  /** Everything that the choice of take and version changes. */
  #fill() {
    const {take, version, transport} = this,
      parts = this.#parts;
    [...parts.takes.children].forEach((button, index) => button.setAttribute("aria-pressed", index === this.#take));
    this.#versions(take);
    parts.versions
      .querySelectorAll("button")
      .forEach((button, index) => button.setAttribute("aria-pressed", index === this.#version));
    parts.download.href = safeAddress(version.address);
    parts.download.download = version.file;
    parts.download.title = `Download: ${version.name}`;
    parts.download.setAttribute("aria-label", parts.download.title);
    const path = outlinePath(bytes(version.outline));
    for (const shape of parts.paths) shape.setAttribute("d", path);
    parts.note.textContent = take.note;
    const last = take.versions.length;
    parts.hint.textContent =
      last > 1 ? `Keys, after a click in here: 1–${last} or A–${LETTERS[last - 1]} change over, space plays, arrows move.` : "";
    if (transport.current !== this.#version) transport.select(this.#version);
    this.#state();
    this.#moved();
    this.dispatchEvent(
      new CustomEvent("tonescope-change", {bubbles: true, detail: {take: this.#take, version: this.#version}})
    );
  }

  /** The buttons of a take's versions, made anew only for another take. */
  #versions(take) {
    const place = this.#parts.versions;
    if (place.shown === take) return;
    place.shown = take;
    const focused = [...place.children].indexOf(document.activeElement);
    place.replaceChildren(
      ...take.versions.map((version, index) => {
        const words = make("span", {class: "ts-words"}, make("span", {class: "ts-name"}, version.name));
        if (version.heard) words.append(make("span", {class: "ts-heard"}, `heard as ${version.heard}`));
        if (take.versions.length === 1) return words; // there is nothing to choose
        const letter = make("span", {class: "ts-letter", "aria-hidden": "true"}, LETTERS[index] ?? "·");
        const button = make("button", {type: "button", class: "ts-version"}, letter, words);
        button.addEventListener("click", () => this.select(index));
        return button;
      })
    );
    if (focused >= 0) place.children[Math.min(focused, place.children.length - 1)].focus();
  }

  #state() {
    const {play, loop} = this.#parts,
      {playing, waiting} = this.transport;
    play.textContent = playing || waiting ? "❚❚" : "▶";
    play.setAttribute("aria-label", playing || waiting ? "Pause" : "Play");
    play.classList.toggle("ts-waiting", waiting);
    loop.setAttribute("aria-pressed", this.#loop);
  }

  #moved() {
    this.sync();
    this.dispatchEvent(new CustomEvent("tonescope-time", {bubbles: true}));
    this.#parts.clock.textContent = `${this.transport.time.toFixed(1)} / ${this.take.seconds.toFixed(1)} s`;
  }
}

/** An address that a link may lead to: sound that is in the page, or a path; never a script. */
function safeAddress(address) {
  return /^data:audio\/[\w.+-]+;base64,/.test(address) ||
    !/^\s*[a-z][\w+.-]*:/i.test(address) ||
    /^(https?|blob):/i.test(address)
    ? address
    : "#";
}

if (!customElements.get("tonescope-ab")) customElements.define("tonescope-ab", TonescopeAB);

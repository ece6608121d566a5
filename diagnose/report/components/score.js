// <tonescope-score>: a take over time, from left to right: its spectrogram, and lanes beneath it.
// With for="ID" it follows the <tonescope-ab> of that id: its take, its version, its playhead. Alone it is given a
// Listening, whose first version it plays, or a Score, which is silent (diagnose/report/lanes.py), as the player is.

const FREQUENCIES = [50, 100, 250, 500, 1000, 2000, 4000, 8000, 16000];

const toMel = hertz => 2595 * Math.log10(1 + hertz / 700);
const fromMel = mel => 700 * (10 ** (mel / 2595) - 1);

function colour(text) {
  const [, hex] = /#([0-9a-f]{6})/i.exec(text) ?? [null, "808080"];
  return [0, 2, 4].map(at => parseInt(hex.slice(at, at + 2), 16));
}

class TonescopeScore extends HTMLElement {
  #data = null;
  #score = null;
  #player = null;
  #own = null;
  #hover = null;
  #parts = {};
  #ends = [];
  #cursor = 0;

  static observedAttributes = ["data", "for"];

  connectedCallback() {
    const repaint = () => this.#paint();
    const dark = matchMedia("(prefers-color-scheme: dark)"),
      themes = new MutationObserver(repaint);
    dark.addEventListener("change", repaint);
    for (const root of [document.documentElement, document.body])
      themes.observe(root, {attributeFilter: ["class", "data-theme"]});
    this.#ends.push(
      () => dark.removeEventListener("change", repaint),
      () => themes.disconnect()
    );
    const heard = {
      "tonescope-ready": () => this.#meet(),
      "tonescope-change": () => this.#meet(),
      "tonescope-time": () => this.#moved(),
    };
    for (const [what, act] of Object.entries(heard)) {
      const met = event => {
        if (event.target.id && event.target.id === this.getAttribute("for")) act();
      };
      document.addEventListener(what, met);
      this.#ends.push(() => document.removeEventListener(what, met));
    }
    this.#meet();
  }

  disconnectedCallback() {
    if (this.#own?.playing) this.#own.pause();
    for (const end of this.#ends.splice(0)) end();
  }

  attributeChangedCallback(name, before, given) {
    if (given === null) return;
    queueMicrotask(() => {
      // as the A/B player does, after an app has patched the page
      const data = dataOf(this);
      if (data) this.data = data;
      else this.#meet();
    });
  }

  get data() {
    return this.#data;
  }
  set data(given) {
    this.#data = given;
    this.#meet();
  }

  get score() {
    return this.#score;
  }
  get transport() {
    return this.#player?.transport ?? this.#own;
  }

  /** Show what there is to show: what the player plays, or what was given. */
  #meet() {
    if (!this.isConnected) return;
    const id = this.getAttribute("for"),
      player = id ? document.getElementById(id) : null;
    this.#player = player?.take ? player : null;
    if (this.#player) this.#show(player.version.score);
    else if (!id && this.#data) this.#alone();
  }

  #alone() {
    const take = this.#data.takes?.[0];
    if (this.#own?.playing) this.#own.pause();
    this.#own = take ? new Transport([take.versions[0]], take.seconds) : null;
    for (const what of ["time", "state"]) this.#own?.addEventListener(what, () => this.#moved());
    this.#show(take ? take.versions[0].score : this.#data);
  }

  /** What moves the playhead: the sound, or where there is none a cursor. */
  #clock() {
    return (
      this.transport ?? {
        seconds: this.#score.seconds,
        time: this.#cursor,
        playing: false,
        seek: time => {
          this.#cursor = clamp(time, 0, this.#score.seconds);
          this.#moved();
        },
      }
    );
  }

  #show(score) {
    this.hidden = !score;
    if (!score) return;
    const there = this.contains(this.#parts.board),
      same = there && this.#score === score;
    this.#score = score;
    if (!there) this.#build();
    if (same) return;
    this.#lanes();
    this.#paint();
    this.#moved();
  }

  #build() {
    this.replaceChildren();
    const parts = (this.#parts = {
      board: make("div", {class: "ts-board"}),
      canvas: make("canvas", {class: "ts-mel", "aria-hidden": "true"}),
      pitches: make("div", {class: "ts-pitches", "aria-hidden": "true"}),
      lanes: make("div", {class: "ts-lanes"}),
      axis: make("div", {class: "ts-axis", "aria-hidden": "true"}),
      over: make("div", {class: "ts-over"}),
      readout: make("div", {class: "ts-readout", role: "status", "aria-live": "polite"}),
      play: make("button", {type: "button", class: "ts-play"}),
    });
    parts.hover = make("div", {class: "ts-hover"});
    parts.over.append(parts.hover, make("div", {class: "ts-needle"}));
    this.sync = scrubbing(parts.over, () => this.#clock(), {
      label: "Position in the score",
      said: time => [inSeconds(time), ...this.#told(time).map(([title, words]) => `${title}: ${words}`)].join("; "),
      hovered: (time, event) => this.#hovered(time, event),
    });
    parts.play.addEventListener("click", () => this.transport?.toggle());
    parts.over.addEventListener("keydown", event => {
      if (event.key !== " " || !this.transport) return;
      event.preventDefault();
      this.transport.toggle();
    });
    parts.board.append(
      line("Spectrogram", make("div", {class: "ts-time ts-picture"}, parts.canvas, parts.pitches)),
      parts.lanes,
      line("", make("div", {class: "ts-time"}, parts.axis)),
      parts.over
    );
    this.append(parts.board, make("div", {class: "ts-foot"}, parts.play, parts.readout));
    parts.play.hidden = !this.#own || Boolean(this.#player);
    this.onkeydown = event => {
      // the keys of the player work here too
      if (this.#player && /^[1-9a-ikl]$/i.test(event.key)) this.#player.onkeydown(event);
    };
  }

  #lanes() {
    const {lanes, seconds, spectrogram} = this.#score,
      parts = this.#parts;
    parts.lanes.replaceChildren(...lanes.map(lane => (KINDS[lane.kind] ?? KINDS.unknown)(lane, seconds)));
    const step = [0.25, 0.5, 1, 2, 5, 10, 30, 60].find(each => seconds / each <= 8) ?? 120;
    parts.axis.replaceChildren(
      ...range(Math.floor(seconds / step + 1e-6) + 1).map(index => {
        const label = make(
          "span",
          {class: index === 0 ? "ts-first" : seconds - index * step < step / 3 ? "ts-last" : ""},
          `${+(index * step).toFixed(2)}${index === 0 ? " s" : ""}`
        );
        label.style.left = `${(100 * index * step) / seconds}%`;
        return label;
      })
    );
    const low = toMel(spectrogram.low),
      high = toMel(spectrogram.high);
    let last = -1;
    parts.pitches.replaceChildren(
      ...FREQUENCIES.flatMap(hertz => {
        const share = (toMel(hertz) - low) / (high - low);
        if (share < 0.05 || share > 0.93 || share - last < 0.14) return [];
        last = share;
        const label = make("span", {}, hertz < 1000 ? `${hertz} Hz` : `${hertz / 1000} kHz`);
        label.style.bottom = `${100 * share}%`;
        return [label];
      })
    );
  }

  /** The spectrogram, in the colours of the theme. */
  #paint() {
    if (!this.#score || !this.#parts.canvas) return;
    const {bands, columns, data} = this.#score.spectrogram,
      {canvas} = this.#parts;
    const style = getComputedStyle(this),
      stops = range(5).map(index => colour(style.getPropertyValue(`--map-${index}`)));
    const table = range(256).map(level => {
      const place = (level / 255) * 4,
        under = Math.min(Math.floor(place), 3);
      return stops[under].map((value, channel) => value + (place - under) * (stops[under + 1][channel] - value));
    });
    canvas.width = columns;
    canvas.height = bands;
    const picture = new ImageData(columns, bands),
      levels = bytes(data);
    for (let band = 0; band < bands; band++)
      for (let column = 0; column < columns; column++) {
        const at = 4 * ((bands - 1 - band) * columns + column),
          [red, green, blue] = table[levels[band * columns + column]];
        picture.data[at] = red;
        picture.data[at + 1] = green;
        picture.data[at + 2] = blue;
        picture.data[at + 3] = 255;
      }
    canvas.getContext("2d").putImageData(picture, 0, 0);
  }

  #hovered(time, event) {
    this.#hover = time === null ? null : {time, pitch: this.#pitch(event)};
    const {hover} = this.#parts;
    hover.hidden = time === null;
    if (time !== null) hover.style.left = `${(100 * time) / this.#score.seconds}%`;
    this.#read();
  }

  /** The frequency and level under the pointer, where it is on the spectrogram. */
  #pitch(event) {
    const box = this.#parts.canvas.getBoundingClientRect();
    if (!event || event.clientY < box.top || event.clientY >= box.bottom || !box.height) return "";
    const {bands, columns, low, high, decibels, data} = this.#score.spectrogram;
    const up = 1 - (event.clientY - box.top) / box.height,
      across = clamp((event.clientX - box.left) / box.width, 0, 0.9999);
    const hertz = fromMel(toMel(low) + up * (toMel(high) - toMel(low)));
    this.levels = this.levels?.data === data ? this.levels : {data, values: bytes(data)};
    const level =
      this.levels.values[Math.floor(clamp(up, 0, 0.9999) * bands) * columns + Math.floor(across * columns)];
    const pitch = hertz < 1000 ? `${Math.round(hertz)} Hz` : `${(hertz / 1000).toFixed(1)} kHz`;
    return `${pitch}: ${level ? `${Math.round((level / 255 - 1) * decibels)} dB`.replace("-", "−") : "silent"}`;
  }

  #moved() {
    if (!this.#parts.board || !this.#score) return;
    this.sync();
    const {play, readout} = this.#parts,
      playing = Boolean(this.transport?.playing);
    readout.setAttribute("aria-live", playing ? "off" : "polite");
    play.textContent = playing ? "❚❚" : "▶";
    play.setAttribute("aria-label", playing ? "Pause" : "Play");
    if (!this.#hover) this.#read();
  }

  /** What there is at a time, lane by lane: a title and words. */
  #told(time) {
    const {lanes, seconds} = this.#score;
    return lanes.map(lane => [lane.title, tellers[lane.kind]?.(lane, time, seconds)]).filter(([, told]) => told);
  }

  #read() {
    const time = this.#hover?.time ?? this.#clock().time,
      told = this.#told(time),
      {readout} = this.#parts;
    if (this.#hover?.pitch) told.push(["Spectrogram", this.#hover.pitch]);
    setText(readout.firstChild ?? readout.appendChild(make("b")), inSeconds(time));
    told.forEach(([title, words], index) => {
      const place =
        readout.children[index + 1] ??
        readout.appendChild(make("span", {}, document.createTextNode(""), make("span")));
      setText(place.firstChild, `${title}: `);
      setText(place.lastChild, words);
    });
    while (readout.children.length > told.length + 1) readout.lastChild.remove();
  }
}

/** Text of a node, touched only where it changes: a live region would tell it again. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

if (!customElements.get("tonescope-score")) customElements.define("tonescope-score", TonescopeScore);

// What the A/B player and the score share: sound, time, and the ways to move in it.
// All versions of a take play at once and one of them is heard, so that changing over has no gap and no seek. Sounds
// are fetched whole and decoded: neither a network nor a server with byte ranges is needed.

const FADE = 0.012; // seconds of a change of version: too short to hear, long enough not to click
const LEAD = 0.03; // seconds between the order to play and the first sample, so that all versions begin together
const STEP = 0.1,
  LONG_STEP = 1; // seconds of an arrow key, and with Shift

let audio = null;
let sounding = null; // the transport that plays: only one does

function context() {
  return (audio ??= new AudioContext());
}

/** An element with attributes and children; strings become text, never markup. */
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** An SVG element. */
function draw(tag, attributes = {}) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function bytes(base64) {
  return Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

function inSeconds(time) {
  return `${time.toFixed(2)} s`;
}

/** The JSON that an element was given in its attribute `data`. */
function dataOf(element) {
  const given = element.getAttribute("data");
  element.removeAttribute("data"); // it may hold megabytes of sound
  return given ? JSON.parse(given) : null;
}

async function soundAt(address) {
  const inline = /^data:[^,]*;base64,/.exec(address);
  if (inline) return bytes(address.slice(inline[0].length)).buffer;
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${response.status}`);
  return response.arrayBuffer();
}

class Transport extends EventTarget {
  #versions;
  #decoded = null;
  #sources = [];
  #gains = [];
  #at = 0;
  #zero = 0;
  #current = 0;
  #loop = false;
  #wanted = false;
  #playing = false;

  /** versions: of one take, each with an address and a gain in dB. */
  constructor(versions, seconds) {
    super();
    this.#versions = versions;
    this.seconds = seconds;
  }

  get playing() {
    return this.#playing;
  }
  get waiting() {
    return this.#wanted && !this.#playing;
  }
  get current() {
    return this.#current;
  }

  get time() {
    if (!this.#playing) return this.#at;
    const passed = Math.max(context().currentTime - (context().outputLatency || 0) - this.#zero, this.#at);
    return this.#loop ? passed % this.seconds : Math.min(passed, this.seconds);
  }

  get loop() {
    return this.#loop;
  }
  set loop(wanted) {
    if (this.#playing)
      this.#zero += Math.floor(Math.max(context().currentTime - this.#zero, 0) / this.seconds) * this.seconds;
    if (this.#playing) this.#at = 0;
    this.#loop = wanted;
    for (const source of this.#sources) source.loop = wanted;
    this.#tell("state");
  }

  async play() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#tell("state");
    try {
      const resumed = context().resume(); // within the click: browsers ask for one
      this.#decoded ??= Promise.all(
        this.#versions.map(async version => context().decodeAudioData(await soundAt(version.address)))
      );
      const buffers = await this.#decoded;
      await resumed;
      if (!this.#wanted || this.#playing) return;
      if (sounding && sounding !== this) sounding.pause();
      sounding = this;
      this.#start(buffers, this.#at >= this.seconds - 0.02 ? 0 : this.#at);
    } catch (error) {
      this.#decoded = null;
      this.#wanted = false;
      this.dispatchEvent(new CustomEvent("failed", {detail: error}));
      this.#tell("state");
    }
  }

  pause() {
    const at = this.time;
    this.#wanted = false;
    this.#stop();
    this.#at = at;
    this.#tell("state");
    this.#tell("time");
  }

  toggle() {
    return this.#wanted ? this.pause() : this.play();
  }

  async seek(time) {
    const at = clamp(time, 0, this.seconds);
    if (this.#playing) {
      const buffers = await this.#decoded;
      if (this.#playing) this.#start(buffers, Math.min(at, this.seconds - 0.01));
    } else this.#at = at;
    this.#tell("time");
  }

  select(version) {
    this.#current = clamp(version, 0, this.#versions.length - 1);
    const now = context().currentTime;
    this.#gains.forEach((gain, index) => {
      gain.gain.cancelScheduledValues(now);
      gain.gain.setTargetAtTime(this.#level(index), now, FADE / 3);
    });
    this.#tell("version");
  }

  #level(index) {
    return index === this.#current ? 10 ** ((this.#versions[index].gain ?? 0) / 20) : 0;
  }

  #start(buffers, at) {
    this.#stop();
    const begin = context().currentTime + LEAD;
    this.#at = at;
    this.#zero = begin - at;
    this.#playing = this.#wanted = true;
    buffers.forEach((buffer, index) => {
      const source = new AudioBufferSourceNode(context(), {buffer, loop: this.#loop});
      const gain = new GainNode(context(), {gain: this.#level(index)});
      source.connect(gain).connect(context().destination);
      source.start(begin, Math.min(at, buffer.duration));
      this.#sources.push(source);
      this.#gains.push(gain);
    });
    const longest = this.#sources.reduce((one, other) => (other.buffer.duration > one.buffer.duration ? other : one));
    longest.onended = () => {
      if (this.#sources.includes(longest)) this.#finish();
    };
    this.#tell("state");
    const frame = () => {
      if (!this.#sources.includes(longest)) return;
      this.#tell("time");
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  #finish() {
    this.#wanted = false;
    this.#stop();
    this.#at = this.seconds;
    this.#tell("state");
    this.#tell("time");
  }

  #stop() {
    this.#playing = false;
    const now = audio ? context().currentTime : 0;
    for (const gain of this.#gains) gain.gain.setTargetAtTime(0, now, FADE / 3);
    for (const source of this.#sources) source.stop(now + FADE);
    this.#sources = [];
    this.#gains = [];
  }

  #tell(what) {
    this.dispatchEvent(new Event(what));
  }
}

/**
 * Makes an element a slider over the time of a take: click and drag, arrows, Home and End.
 * of: gives {seconds, time, seek(time)}; said: what a screen reader is told at a time; hovered: told a time, or null.
 */
function scrubbing(element, of, {label, said, hovered = () => {}}) {
  for (const [name, value] of Object.entries({
    role: "slider",
    tabindex: "0",
    "aria-label": label,
    "aria-valuemin": "0",
  }))
    element.setAttribute(name, value);
  const timeAt = event => {
    const box = element.getBoundingClientRect();
    return clamp((event.clientX - box.left) / box.width, 0, 1) * of().seconds;
  };
  element.addEventListener("pointerdown", event => {
    if (event.button !== 0) return;
    try {
      element.setPointerCapture(event.pointerId);
    } catch {
      /* a made-up event has no pointer */
    }
    of().seek(timeAt(event));
  });
  element.addEventListener("pointermove", event => {
    hovered(timeAt(event), event);
    if (event.buttons & 1) of().seek(timeAt(event));
  });
  element.addEventListener("pointerleave", () => hovered(null));
  element.addEventListener("pointercancel", () => hovered(null));
  element.addEventListener("keydown", event => {
    const step = event.shiftKey ? LONG_STEP : STEP,
      {time, seconds} = of();
    const to = {
      ArrowLeft: time - step,
      ArrowDown: time - step,
      ArrowRight: time + step,
      ArrowUp: time + step,
      PageUp: time + LONG_STEP,
      PageDown: time - LONG_STEP,
      Home: 0,
      End: seconds,
    }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    of().seek(to);
  });
  return () => {
    const {time, seconds} = of();
    element.setAttribute("aria-valuemax", seconds.toFixed(2));
    element.setAttribute("aria-valuenow", time.toFixed(2));
    element.setAttribute("aria-valuetext", said(time));
    element.style.setProperty("--at", `${((100 * time) / seconds).toFixed(3)}%`);
  };
}

/** The outline of a sound as a path in a box of 1 by 2: peaks above and below the middle. */
function outlinePath(peaks) {
  const points = [...peaks].map((peak, index) => [index / Math.max(peaks.length - 1, 1), Math.max(peak / 255, 0.01)]);
  const above = points.map(([x, y]) => `${x.toFixed(4)},${(1 - y).toFixed(3)}`);
  const below = points.reverse().map(([x, y]) => `${x.toFixed(4)},${(1 + y).toFixed(3)}`);
  return `M${[...above, ...below].join("L")}Z`;
}

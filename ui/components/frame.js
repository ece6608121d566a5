// Light, dark, or as the system: chosen in the header, kept in this browser, the same in all of its windows.
"use strict";
(() => {
  const KEY = "tonescope-colours";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      const kept = localStorage.getItem(KEY);
      return kept === "light" || kept === "dark" ? kept : "system";
    } catch { // storage that is switched off
      return root.dataset.chosen || "system";
    }
  }

  function keep(choice) {
    root.dataset.chosen = choice;
    try {
      localStorage.setItem(KEY, choice);
    } catch { /* holds for this page alone */ }
  }

  function paint() {
    const choice = chosen();
    const dark = choice === "dark" || (choice === "system" && system.matches);
    const theme = dark ? "dark" : "light";
    const changed = root.dataset.theme !== theme;
    root.dataset.theme = theme;
    // Gradio and what is drawn inside it go by this class; it sets it by the system alone.
    const body = document.body;
    if (body && body.classList.contains("dark") !== dark) body.classList.toggle("dark", dark);
    for (const input of document.querySelectorAll("input[name=frame-colours]")) input.checked = input.value === choice;
    if (changed) document.dispatchEvent(new CustomEvent("tonescope-colours", {detail: {dark}}));
  }

  paint();
  system.addEventListener("change", paint);
  addEventListener("storage", event => { if (event.key === KEY) paint(); });
  document.addEventListener("change", event => {
    if (event.target.name !== "frame-colours") return;
    keep(event.target.value);
    paint();
  });
  document.addEventListener("DOMContentLoaded", () => {
    paint();
    new MutationObserver(paint).observe(document.body, {attributes: true, attributeFilter: ["class"]});
    // A link to the place where one is would otherwise not move the focus in every browser.
    document.querySelector(".frame-skip")?.addEventListener("click", event => {
      event.preventDefault();
      document.getElementById("content").focus();
    });
  });
})();

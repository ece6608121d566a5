// Buttons with data-plays, such as the cells of a matrix: each plays a take, and stops when it is pressed again.

const cellPlayer = {
  sound: new Audio(),
  pressed: null,
  pause() {
    this.sound.pause();
    this.pressed?.setAttribute("aria-pressed", "false");
    this.pressed = null;
  },
  press(cell) {
    const stops = cell === this.pressed;
    this.pause();
    if (stops) return;
    if (sounding && sounding !== this) sounding.pause();
    sounding = this;
    this.sound.src = safeAddress(cell.dataset.plays);
    this.sound.play().catch(() => this.pause());
    cell.setAttribute("aria-pressed", "true");
    this.pressed = cell;
  },
};
cellPlayer.sound.addEventListener("ended", () => cellPlayer.pause());
document.addEventListener("click", event => {
  const cell = event.target.closest?.("button[data-plays]");
  if (cell) cellPlayer.press(cell);
});

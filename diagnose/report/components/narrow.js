// <tonescope-narrow>: a field that narrows the heat maps and tables around it to the rows with its words.

const MANY_ROWS = 8; // of one table, below which nobody looks for one
const AROUND = ".run-found, main";
let narrowings = 0;

/** What a row is found by: all that stands in it, and in a heat map its name and what is heard in it. */
function wordsOf(row, columns) {
  if (!columns) return row.textContent.toLowerCase();
  const heard = [...row.cells].map((cell, at) => (at && cell.textContent.trim() ? columns[at] : ""));
  return [row.cells[0].textContent, ...heard].join(" ").toLowerCase();
}

class TonescopeNarrow extends HTMLElement {
  connectedCallback() {
    if (this.firstChild) return;
    this.around = this.closest(AROUND) ?? document.body;
    if (!this.tables.some(table => table.tBodies[0].rows.length >= MANY_ROWS)) return;
    const name = `narrow-${narrowings++}`;
    const label = make("label", {for: name}, "Show only rows with");
    this.field = make("input", {id: name, type: "search", autocomplete: "off", spellcheck: "false", placeholder: "a genre, such as house"});
    this.told = make("p", {class: "soft", role: "status", "aria-live": "polite"});
    this.field.addEventListener("input", () => this.narrow());
    this.append(label, this.field, this.told);
  }

  get tables() {
    return [...this.around.querySelectorAll("table")].filter(table => table.tBodies.length);
  }

  narrow() {
    const words = this.field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0, all = 0;
    for (const table of this.tables) {
      const rows = [...table.tBodies[0].rows], heads = table.closest(".matrix") && [...table.tHead.rows[0].cells];
      const columns = heads?.map(head => head.textContent);
      for (const row of rows) {
        const found = wordsOf(row, columns);
        row.hidden = !words.every(word => found.includes(word));
      }
      const left = rows.filter(row => !row.hidden);
      heads?.slice(1).forEach((head, at) => {
        const isEmpty = words.length && left.every(row => !row.cells[at + 1].textContent.trim());
        for (const cell of [head, ...rows.map(row => row.cells[at + 1])]) cell.hidden = Boolean(isEmpty);
      });
      shown += left.length;
      all += rows.length;
    }
    this.told.textContent = words.length ? `${shown} of ${all} rows, in all tables of this page.` : "";
  }
}
customElements.define("tonescope-narrow", TonescopeNarrow);

// The lanes of a score: for each kind one function that draws it, and one that tells what there is at a time.
// A kind that is not here is named and left empty, so that an older page shows what a newer report adds.

const MARK_REACH = 0.02; // of the take: how near to a moment its text is told
const TOLD_ROWS = 3;

const range = count => Array.from({length: count}, (_, index) => index);
const percent = share => `${Math.round(100 * share)} %`;
const valueAt = (row, time, seconds) =>
  row.values[clamp(Math.floor((time / seconds) * row.values.length), 0, row.values.length - 1)];

/** A line of the board: a name in the gutter (above, where it is narrow), and what runs along time. */
function line(name, time, extra = []) {
  return make("div", {class: "ts-line"}, make("div", {class: "ts-gutter"}, name, ...extra), time);
}

function badgeOf(lane) {
  return lane.badge ? [" ", make("span", {class: `badge ${lane.badge}`}, lane.badge)] : [];
}

function titled(lane, lines) {
  const title = make("div", {class: "ts-title", title: lane.note}, lane.title, ...badgeOf(lane));
  return make("div", {class: "ts-lane", role: "group", "aria-label": lane.title}, title, ...lines);
}

const KINDS = {
  stretches(lane, seconds) {
    const time = make("div", {class: "ts-time ts-stretches"});
    let run = null;
    for (const one of lane.stretches) {
      const moment = one.end <= one.start,
        left = `${(100 * one.start) / seconds}%`;
      const place = make("div", {class: `${moment ? "ts-moment" : "ts-stretch"} ts-${one.meant}`});
      place.style.left = left;
      if (!moment) {
        place.style.width = `${(100 * (one.end - one.start)) / seconds}%`;
        place.style.setProperty("--share", one.share ?? 1);
      }
      time.append(place);
      // A name that goes on is written once, over all of its stretches.
      if (!moment && run && run.text === one.text && run.end === one.start) {
        run.end = one.end;
        run.label.style.width = `${(100 * (run.end - run.start)) / seconds}%`;
        continue;
      }
      const label = make(
        "div",
        {class: `ts-label${moment ? " ts-beside" : ""} ts-${one.meant}`},
        make("span", {}, one.text)
      );
      label.style.left = left;
      if (!moment) label.style.width = place.style.width;
      run = moment ? null : {text: one.text, start: one.start, end: one.end, label};
      time.append(label);
    }
    const made = line(lane.title, time, badgeOf(lane));
    made.firstChild.setAttribute("title", lane.note);
    return make("div", {class: "ts-lane", role: "group", "aria-label": lane.title}, made);
  },

  heat(lane) {
    const most = Math.max(1e-9, ...lane.rows.flatMap(row => row.values));
    return titled(
      lane,
      lane.rows.map(row => {
        const svg = draw("svg", {
          viewBox: `0 0 ${row.values.length} 1`,
          preserveAspectRatio: "none",
          "aria-hidden": "true",
        });
        row.values.forEach((value, x) =>
          svg.append(draw("rect", {x, y: 0, width: 1, height: 1, "fill-opacity": (value / most).toFixed(3)}))
        );
        return line(row.name, make("div", {class: "ts-time ts-heat"}, svg));
      })
    );
  },

  curves(lane) {
    return titled(
      lane,
      lane.rows.map(row => {
        const signed = row.values.some(value => value < -0.02),
          [top, height] = signed ? [-1.05, 2.1] : [-1.05, 1.11];
        const step = row.values.length > 1 ? 1 / (row.values.length - 1) : 1;
        const points = row.values.map((value, index) => `${(index * step).toFixed(4)},${(-value).toFixed(3)}`);
        const svg = draw("svg", {
          viewBox: `0 ${top} 1 ${height}`,
          preserveAspectRatio: "none",
          "aria-hidden": "true",
        });
        svg.append(
          draw("path", {class: "ts-area", d: `M0,0L${points.join("L")}L1,0Z`}),
          draw("path", {class: "ts-mean", d: "M0,0H1"}),
          draw("path", {class: "ts-curve", d: `M${points.join("L")}`})
        );
        return line(row.name, make("div", {class: "ts-time ts-curves"}, svg));
      })
    );
  },

  unknown(lane) {
    return titled(lane, []);
  },
};

const tellers = {
  stretches(lane, time, seconds) {
    return lane.stretches
      .filter((one, index) =>
        one.end <= one.start
          ? Math.abs(one.start - time) <= MARK_REACH * seconds
          : time >= one.start && (time < one.end || (index === lane.stretches.length - 1 && time <= one.end))
      )
      .map(one =>
        [
          one.end <= one.start ? `${+one.start.toFixed(2)} s` : one.text,
          one.share == null ? "" : percent(one.share),
          one.more && `(${one.more})`,
        ]
          .filter(Boolean)
          .join(" ")
      )
      .join(", ");
  },
  heat(lane, time, seconds) {
    return lane.rows
      .map(row => [row.name, valueAt(row, time, seconds)])
      .sort((one, other) => other[1] - one[1])
      .slice(0, TOLD_ROWS)
      .map(([name, value]) => `${name} ${percent(value)}`)
      .join(", ");
  },
  curves(lane, time, seconds) {
    const told = lane.rows.map(row => `${row.name} ${valueAt(row, time, seconds).toFixed(2)}`.replace(" -", " −"));
    return `${told.join(", ")} (0: ${lane.line})`;
  },
};

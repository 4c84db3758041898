// Draws the ethogram of one recording at a time, and lets it be zoomed, panned and read as a table.
(() => {
  "use strict";
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const page = read("ethogram-data");
  const spec = read("ethogram-spec");
  const plot = document.getElementById("ethogram-plot");
  const chooser = document.getElementById("ethogram-choice");
  const told = document.getElementById("ethogram-told");
  const table = document.getElementById("ethogram-table");
  const NARROWEST = 0.5; // seconds
  let view = null;
  let whole = [0, 1];
  let shown = [0, 1];
  let chosen = -1;

  async function unpack(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  function bouts(row, start, fps) {
    const found = [];
    let frame = start;
    for (let place = 0; place < row.length; place += 2) {
      found.push({ value: row[place], start: frame / fps, stop: (frame + row[place + 1]) / fps });
      frame += row[place + 1];
    }
    return found;
  }

  function wrongs(annotated, predicted) {
    const found = [];
    let a = 0;
    let p = 0;
    while (a < annotated.length && p < predicted.length) {
      const start = Math.max(annotated[a].start, predicted[p].start);
      const stop = Math.min(annotated[a].stop, predicted[p].stop);
      if (stop > start && annotated[a].value >= 0 && annotated[a].value !== predicted[p].value) {
        found.push({ start, stop, annotated: annotated[a].value, predicted: predicted[p].value });
      }
      if (annotated[a].stop <= predicted[p].stop) a += 1;
      else p += 1;
    }
    return found;
  }

  const nameOf = (info, value) => (value < 0 ? "no class" : page.classes[info.classes[value]].name);

  async function layout(info) {
    const content = await unpack(info.packed);
    const rows = [];
    const marks = [];
    const errors = [];
    const seconds = (bout) => `${bout.start.toFixed(2)} to ${bout.stop.toFixed(2)} s`;
    const add = (key, bout, style, what) =>
      marks.push({ row: key, start: bout.start, stop: bout.stop, top: 0, height: 1, text: "", ink: "", ...style,
        tip: { title: what, time: seconds(bout) } });
    const addBouts = (key, label, list, of, who) => {
      rows.push({ key, label });
      for (const bout of list) {
        const value = of(bout.value);
        if (bout.value < 0 && who === "annotated") {
          add(key, bout, { fill: "var(--unlabelled)", top: 0.4, height: 0.2 }, "not labelled");
        } else if (value >= 0) {
          const made = page.classes[info.classes[value]];
          add(key, bout, { fill: made.colour, ink: made.ink, text: info.exclusive ? made.name : "" }, `${who}: ${made.name}`);
        }
      }
    };
    content.annotated.forEach((row, number) => {
      const annotated = bouts(row, info.start, info.fps);
      const predicted = bouts(content.predicted[number], info.start, info.fps);
      const of = info.exclusive ? (value) => value : (value) => (value === 1 ? number : -1);
      const label = page.classes[info.classes[number]].name;
      addBouts(`a${number}`, info.exclusive ? "annotated" : label, annotated, of, "annotated");
      addBouts(`p${number}`, "predicted", predicted, of, "predicted");
      const wrong = wrongs(annotated, predicted);
      if (info.exclusive) rows.push({ key: "wrong", label: "wrong" });
      for (const each of wrong) {
        const pair = info.exclusive
          ? [nameOf(info, each.annotated), nameOf(info, each.predicted)]
          : each.annotated === 1 ? [label, "not " + label] : ["not " + label, label];
        errors.push({ ...each, pair });
        const place = info.exclusive ? { top: 0.2, height: 0.6 } : { top: 0.78, height: 0.22 };
        add(info.exclusive ? "wrong" : `p${number}`, each, { fill: "var(--wrong)", ...place },
          `annotated ${pair[0]}, predicted ${pair[1]}`);
      }
    });
    errors.sort((one, other) => one.start - other.start);
    return { rows, marks, errors, whole: [info.start / info.fps, info.stop / info.fps] };
  }

  function specOf(made, width, exclusive) {
    const copy = structuredClone(spec);
    copy.data[0].values = made.rows;
    copy.data[1].values = made.marks;
    const signal = (name) => copy.signals.find((each) => each.name === name);
    signal("width").value = width;
    signal("rowHeight").value = exclusive ? 34 : 22;
    signal("window").value = made.whole;
    signal("labels").value = Object.fromEntries(made.rows.map((row) => [row.key, row.label]));
    return copy;
  }

  const embed = (element, made, width, exclusive) =>
    vegaEmbed(element, specOf(made, width, exclusive), { mode: "vega", renderer: "svg", actions: false });

  function show(from, to) {
    const span = Math.min(Math.max(to - from, NARROWEST), whole[1] - whole[0]);
    const start = Math.min(Math.max(from, whole[0]), whole[1] - span);
    shown = [start, start + span];
    document.getElementById("ethogram-window").textContent =
      `${shown[0].toFixed(1)} to ${shown[1].toFixed(1)} s`;
    return view ? view.signal("window", shown).runAsync() : null;
  }

  function zoom(factor, around = (shown[0] + shown[1]) / 2) {
    return show(around - (around - shown[0]) * factor, around + (shown[1] - around) * factor);
  }

  const pan = (share) => show(shown[0] + share * (shown[1] - shown[0]), shown[1] + share * (shown[1] - shown[0]));

  function fill(errors) {
    const rows = errors.map((each) => {
      const row = document.createElement("tr");
      const jump = document.createElement("button");
      jump.type = "button";
      jump.textContent = each.start.toFixed(2);
      jump.addEventListener("click", () => around(each.start, each.stop));
      const cells = [jump, each.stop.toFixed(2), each.pair[0], each.pair[1]];
      for (const cell of cells) row.insertCell().append(cell);
      return row;
    });
    table.tBodies[0].replaceChildren(...rows);
    table.caption.textContent = errors.length ? `${errors.length} stretches are wrong` : "nothing is wrong";
  }

  const around = (start, stop) => {
    const margin = Math.max(2, stop - start);
    return show(start - margin, stop + margin);
  };

  async function choose(number, from, to) {
    const info = page.ethograms[number];
    if (!info) return;
    if (number !== chosen) {
      chosen = number;
      chooser.value = String(number);
      const made = await layout(info);
      if (chosen !== number) return;
      whole = made.whole;
      plot.setAttribute("aria-label", `ethogram of ${info.title}; ${info.told}`);
      told.textContent = info.told;
      fill(made.errors);
      if (view) view.finalize();
      view = (await embed(plot, made, plot.clientWidth, info.exclusive)).view;
    }
    await (from === undefined ? show(...whole) : around(from, to));
    plot.dataset.shown = String(number);
  }

  function followHash() {
    const found = /^#ethogram-(\d+)(?:@([\d.]+)-([\d.]+))?$/.exec(location.hash);
    if (!found) return false;
    choose(Number(found[1]), found[2] && Number(found[2]), found[3] && Number(found[3]));
    document.getElementById("ethograms").scrollIntoView();
    return true;
  }

  function order(by) {
    const places = page.ethograms.map((_, number) => number);
    if (by === "worst") places.sort((one, other) => page.ethograms[other].share - page.ethograms[one].share);
    const options = Object.fromEntries([...chooser.options].map((option) => [option.value, option]));
    const current = chooser.value;
    chooser.replaceChildren(...places.map((place) => options[place]));
    chooser.value = current;
  }

  const next = (by) => {
    const option = chooser.options[chooser.selectedIndex + by];
    if (option) choose(Number(option.value));
  };

  const actions = {
    in: () => zoom(0.5), out: () => zoom(2), left: () => pan(-0.4), right: () => pan(0.4),
    all: () => show(...whole), next: () => next(1), previous: () => next(-1),
  };
  const keys = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "all", Home: "all" };

  for (const button of document.querySelectorAll("[data-action]")) {
    button.addEventListener("click", () => actions[button.dataset.action]());
  }
  plot.addEventListener("keydown", (event) => {
    const action = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
    if (action) {
      event.preventDefault();
      actions[action]();
    }
  });
  const timeAt = (x) => {
    const left = plot.getBoundingClientRect().left + view.origin()[0];
    return shown[0] + ((x - left) / view.signal("width")) * (shown[1] - shown[0]);
  };
  plot.addEventListener("wheel", (event) => {
    if (!view) return;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      zoom(Math.exp(event.deltaY * 0.004), timeAt(event.clientX));
    } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      pan(event.deltaX / view.signal("width"));
    }
  }, { passive: false });
  const fingers = new Map();
  plot.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, event.clientX);
    plot.setPointerCapture(event.pointerId);
  });
  plot.addEventListener("pointermove", (event) => {
    if (!view || !fingers.has(event.pointerId)) return;
    const before = [...fingers.values()];
    fingers.set(event.pointerId, event.clientX);
    const after = [...fingers.values()];
    if (after.length === 2) {
      const apart = (both) => Math.max(Math.abs(both[0] - both[1]), 10);
      zoom(apart(before) / apart(after), timeAt((after[0] + after[1]) / 2));
    } else {
      pan((before[0] - after[0]) / view.signal("width"));
    }
  });
  for (const end of ["pointerup", "pointercancel"]) {
    plot.addEventListener(end, (event) => fingers.delete(event.pointerId));
  }
  plot.addEventListener("dblclick", (event) => view && zoom(0.4, timeAt(event.clientX)));
  chooser.addEventListener("change", () => choose(Number(chooser.value)));
  document.getElementById("ethogram-order").addEventListener("change", (event) => order(event.target.value));
  addEventListener("hashchange", followHash);
  new ResizeObserver(() => {
    if (view && plot.clientWidth) view.signal("width", plot.clientWidth).runAsync();
  }).observe(plot);

  // paper shows several at once; they are drawn while nothing else is to be done
  const idle = window.requestIdleCallback || ((task) => setTimeout(task, 50));
  async function drawForPaper() {
    for (const element of document.querySelectorAll("[data-paper]")) {
      const info = page.ethograms[Number(element.dataset.paper)];
      await embed(element, await layout(info), 660, info.exclusive);
    }
    document.body.dataset.ready = "paper";
  }
  if (!followHash()) choose(0);
  idle(drawForPaper);
})();

"use strict";
// The choice of analysis/frontier/choice.py, asked of the same numbers: change both or neither.
(() => {
  const $ = (id) => document.getElementById(id);
  const told = JSON.parse($("frontier-data").textContent);
  const slider = $("frontier-lag");
  const switches = [...document.querySelectorAll("#frontier-asks input[name=wish]")];
  const canvases = [...document.querySelectorAll(".frontier-canvas")];
  const marks = [...document.querySelectorAll(".frontier-canvas .mark")];
  const PROMISED = "promised";

  function qualifies(candidate, tolerated, wishes) {
    const lag = wishes.includes(PROMISED) ? candidate.promised_s : candidate.within_s;
    if (lag === null || lag > tolerated) return false;
    return wishes.every((wish) => wish === PROMISED || candidate.meets.includes(wish));
  }

  function noise(names) {
    if (names.length === 0) return "";
    const last = names[names.length - 1];
    const others = names.slice(0, -1);
    const said = others.length ? `${others.join(", ")} and ${last}` : last;
    return `; ${said} ${others.length ? "are" : "is"} within the noise`;
  }

  function choose(stop, wishes) {
    const qualifying = told.candidates.filter((each) => qualifies(each, stop.seconds, wishes));
    const names = qualifying.map((each) => each.arm);
    const clauses = told.wishes.filter((each) => wishes.includes(each.key));
    const asked = [`For a lag of up to ${stop.text}`, ...clauses.map((each) => each.clause)].join(", ");
    if (names.length === 0) {
      return { names, cheapest: null, sentence: `${asked}, no arm of this run qualifies.` };
    }
    const best = qualifying.reduce((most, each) =>
      each.per_core_second > most.per_core_second ? each : most);
    const ties = noise(names.filter((name) => best.ties.includes(name)));
    const count = `${names.length} of ${told.candidates.length} arms qualify`;
    const sentence =
      `${asked}, the cheapest is ${best.arm}: ${best.said_cost}${ties}. ${best.said_lag} ${count}.`;
    return { names, cheapest: best.arm, sentence };
  }

  function showTolerance(canvas, index) {
    const x = Number(canvas.dataset.stops.split(" ")[index]);
    const [shade, line] = canvas.querySelector(".tolerance").children;
    const right = Number(canvas.querySelector(".beyond").getAttribute("x"));
    shade.setAttribute("x", x);
    shade.setAttribute("width", Math.max(right - x, 0));
    line.setAttribute("x1", x);
    line.setAttribute("x2", x);
  }

  function update() {
    const index = Number(slider.value);
    const stop = told.stops[index];
    const wishes = switches.filter((each) => each.checked).map((each) => each.value);
    const choice = choose(stop, wishes);
    slider.setAttribute("aria-valuetext", stop.text);
    $("frontier-lag-text").textContent = stop.text;
    // Said anew only when it changed, or a screen reader repeats itself.
    if ($("frontier-said").textContent !== choice.sentence) {
      $("frontier-said").textContent = choice.sentence;
    }
    canvases.forEach((canvas) => showTolerance(canvas, index));
    marks.forEach((mark) => {
      const isOut = !choice.names.includes(mark.dataset.arm);
      mark.classList.toggle("out", isOut);
      mark.classList.toggle("cheapest", mark.dataset.arm === choice.cheapest);
      mark.setAttribute("aria-label", `${mark.dataset.label}. ${isOut ? "Does not qualify" : "Qualifies"}`);
    });
  }

  function element(tag, text) {
    const made = document.createElement(tag);
    made.textContent = text;
    return made;
  }

  function showFacts(mark) {
    const candidate = told.candidates.find((each) => each.arm === mark.dataset.arm);
    const list = document.createElement("dl");
    candidate.facts.forEach(([name, text]) => list.append(element("dt", name), element("dd", text)));
    $("frontier-detail").replaceChildren(element("h3", candidate.arm), list);
    marks.forEach((each) => each.classList.toggle("shown", each.dataset.arm === candidate.arm));
  }

  marks.forEach((mark) => {
    mark.dataset.label = mark.getAttribute("aria-label");
    ["focus", "pointerenter", "click"].forEach((kind) =>
      mark.addEventListener(kind, () => showFacts(mark)));
  });
  slider.addEventListener("input", update);
  switches.forEach((each) => each.addEventListener("change", update));
  $("frontier-asks").addEventListener("submit", (event) => event.preventDefault());
  $("frontier-asks").hidden = false;
  $("frontier-tool").hidden = false;
  $("frontier-numbers").open = false;
  if ($("frontier-still")) $("frontier-still").hidden = true;
  update();
})();

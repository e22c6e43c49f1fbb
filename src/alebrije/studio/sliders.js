// The page with sliders: every move asks the generator for a new picture.
// All addresses are relative, so the page works under any prefix.
import { say, short, translate } from "./sliders_words.js";

const LARGE = 256; // pixels from which a picture is smoothed when it is enlarged
const $ = (id) => document.getElementById(id);

const state = { facts: null, seed: null, truncation: 1, moves: [], tags: [], past: [] };

async function ask(address) {
  let answer;
  try {
    answer = await fetch(address);
  } catch {
    throw new Error(say("gone"));
  }
  if (answer.ok) return answer;
  const { error } = await answer.json().catch(() => ({ error: answer.statusText }));
  throw new Error(error);
}

function tell(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

function query() {
  const { facts, seed, truncation, moves, tags } = state;
  const parts = new URLSearchParams();
  if (seed !== null) parts.set("seed", seed);
  if (facts.truncation !== null) parts.set("truncation", truncation);
  for (const move of moves) parts.append("moves", move);
  for (const share of tags) parts.append("tags", share);
  return parts;
}

// ---- the picture: one request at a time, and after it the newest choice only

let drawing = false;
let stale = false;

async function draw() {
  stale = true;
  if (drawing) return;
  drawing = true;
  while (stale) {
    stale = false;
    try {
      await paint(await (await ask(`picture.png?${query()}`)).blob());
      tell("");
    } catch (error) {
      tell(error.message);
    }
  }
  drawing = false;
}

async function paint(blob) {
  const bitmap = await createImageBitmap(blob);
  const canvas = $("picture");
  Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
}

// ---- the sliders

function slider(place, { id, name, aside = "", min, max, step, unit, start }, change) {
  const row = Object.assign(document.createElement("div"), { className: "row" });
  const label = Object.assign(document.createElement("label"), { htmlFor: id, textContent: `${name} ` });
  label.title = aside ? `${name}, ${aside}` : name;
  label.append(Object.assign(document.createElement("span"), { className: "soft", textContent: aside }));
  const input = Object.assign(document.createElement("input"), { type: "range", id, min, max, step });
  const output = document.createElement("output");
  const show = (value) => {
    input.value = value;
    const at = (number) => (100 * (number - min)) / (max - min);
    const middle = min < 0 ? 0 : min;
    input.style.setProperty("--a", `${Math.min(at(value), at(middle))}%`);
    input.style.setProperty("--b", `${Math.max(at(value), at(middle))}%`);
    output.textContent = unit(value);
    input.setAttribute("aria-valuetext", unit(value));
    row.classList.toggle("moved", value !== start());
  };
  const moved = (value) => {
    show(value);
    change(value);
    update();
  };
  input.oninput = () => moved(Number(input.value));
  row.ondblclick = () => input.disabled || moved(start());
  row.append(label, input, output);
  place.append(row);
  return { input, show };
}

const sigma = (value) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${short(Math.abs(value))} σ`;
const percent = (value) => `${Math.round(100 * value)} %`;
const rows = { moves: [], tags: [], calm: [] };

function build(facts) {
  rows.moves = facts.directions.map((share, index) => slider($("moves"), {
    id: `move${index}`, name: say("direction", { number: index + 1 }), aside: percent(share),
    min: -facts.reach, max: facts.reach, step: 0.1, unit: sigma, start: () => 0,
  }, (value) => { state.moves[index] = value; }));
  rows.tags = facts.tags.map(({ name, share }, index) => slider($("tags"), {
    id: `tag${index}`, name: name.replaceAll("_", " "), min: 0, max: 1, step: 0.05, unit: percent, start: () => share,
  }, (value) => { state.tags[index] = value; }));
  if (facts.truncation !== null) rows.calm = [slider($("calm"), {
    id: "truncation", name: say("calm"), min: 0, max: 1, step: 0.05, unit: percent, start: () => facts.truncation,
  }, (value) => { state.truncation = value; })];
  $("tagsSet").hidden = facts.tags.length === 0;
  $("calmSet").hidden = facts.truncation === null;
}

function show() {
  const { facts } = state;
  rows.moves.forEach((row, index) => row.show(state.moves[index]));
  rows.tags.forEach((row, index) => row.show(state.tags[index]));
  rows.calm.forEach((row) => row.show(state.truncation));
  const fixed = facts.tags_fixed && state.seed === null;
  for (const { input } of rows.tags) input.disabled = fixed;
  $("tagsFixed").hidden = !fixed;
  $("which").textContent = state.seed === null ? say("given") : say("seed", { seed: state.seed });
  $("before").disabled = state.past.length === 0;
  update();
}

function update() {
  $("picture").setAttribute("aria-label", `${say("picture")}: ${$("which").textContent}`);
  $("save").href = `picture.png?${query()}`;
  $("keep").href = `latent.safetensors?${query()}`;
  draw();
}

function reset() {
  const { facts } = state;
  state.moves = facts.directions.map(() => 0);
  state.tags = facts.tags.map(({ share }) => share);
  state.truncation = facts.truncation ?? 1;
  $("status").textContent = say("wasReset");
  show();
}

function other() {
  state.past.push(state.seed);
  state.seed = Math.floor(Math.random() * 1e6);
  $("status").textContent = say("seed", { seed: state.seed });
  show();
}

function before() {
  if (state.past.length === 0) return;
  state.seed = state.past.pop();
  show();
}

const KEYS = { n: other, b: before, r: reset, s: () => $("save").click() };

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const key = event.key.toLowerCase();
  if (!(key in KEYS)) return;
  event.preventDefault();
  KEYS[key]();
}

async function start() {
  translate();
  try {
    state.facts = await (await ask("generator")).json();
  } catch (error) {
    tell(error.message);
    return;
  }
  const { facts } = state;
  state.seed = facts.seed;
  document.title = `${say("title")} · ${facts.name} · Alebrije`;
  $("name").textContent = `${facts.name} · ${facts.recipe}`;
  $("size").textContent = `${facts.width} × ${facts.height}`;
  $("picture").style.setProperty("--ratio", facts.width / facts.height);
  $("picture").style.setProperty("--most", `${Math.max(256, 18 * facts.width)}px`);
  $("picture").classList.toggle("large", Math.min(facts.width, facts.height) >= LARGE);
  $("other").onclick = other;
  $("before").onclick = before;
  $("reset").onclick = reset;
  document.addEventListener("keydown", press);
  build(facts);
  $("main").hidden = false;
  reset();
}

start();

// The labelling page: shows a pair, follows the sliders with a live hybrid, writes a label with every save.
// All addresses are relative, so the page works under any prefix.
import { say, short, translate } from "./labels_words.js";

const SIGMA = (Math.sqrt(Math.LN2 / 2) / Math.PI) * 224; // sigma f of a Gaussian that halves f, in a picture 224 wide
const STEP = 0.05; // octaves, one press of an arrow key
const $ = (id) => document.getElementById(id);

const state = { pairs: [], near: 0.5, far: 6, index: 0, pair: null, choice: null, saved: null, drafts: new Map(), visit: 0 };

async function ask(address, options) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch {
    throw Object.assign(new Error(say("gone")), { status: 0 });
  }
  if (answer.ok) return answer;
  const { error } = await answer.json().catch(() => ({ error: answer.statusText }));
  throw Object.assign(new Error(error), { status: answer.status });
}

const current = () => state.pairs[state.index];
const address = (rest) => `pairs/${current().number}${rest}`;
const same = (a, b) => a && b && a.low === b.low && a.cycles_low === b.cycles_low && a.cycles_high === b.cycles_high;
const plain = ({ low, cycles_low, cycles_high }) => ({ low, cycles_low, cycles_high });

// ---- a pair

async function show(index) {
  const visit = ++state.visit;
  keepDraft();
  state.index = index;
  state.pair = state.choice = null;
  history.replaceState(null, "", `#${current().number}`);
  document.title = `${say("pair", current())} · Alebrije`;
  $("heading").textContent = say("pair", current());
  showStrip();
  document.body.classList.add("empty");
  try {
    const pair = await (await ask(address(""))).json();
    if (visit !== state.visit) return;
    current().broken = false;
    openPair(pair);
  } catch (error) {
    if (visit !== state.visit) return;
    if (error.status === 0) return tell(error.message, "bad");
    current().broken = true;
    enable(false);
    for (const id of ["near", "far"]) $(id).width = $(id).height; // empties it
    for (const role of ["first", "second"]) Object.assign($(role), { alt: "" }).removeAttribute("src");
    $("reason").textContent = error.message;
    tell("");
  }
  $("broken").hidden = !current().broken;
  showStrip();
}

function openPair(pair) {
  state.pair = pair;
  current().labelled = pair.label !== null;
  state.saved = pair.label && plain(pair.label);
  state.choice = state.drafts.get(pair.number) ?? { ...(state.saved ?? pair.observer) };
  for (const role of ["first", "second"]) {
    $(role).src = address(`/${role}.jpg`);
    $(role).alt = say(role, { name: pair[role] });
  }
  for (const id of ["near", "far"]) $(id).style.aspectRatio = `${pair.width} / ${pair.height}`;
  $("near").style.setProperty("--ratio", pair.width / pair.height);
  enable(true);
  showChoice();
}

function keepDraft() {
  if (!state.pair) return;
  const start = state.saved ?? plain(state.pair.observer);
  if (same(state.choice, start)) state.drafts.delete(state.pair.number);
  else state.drafts.set(state.pair.number, state.choice);
}

function enable(on) {
  const lost = !on && document.activeElement?.closest(".panel, #save"); // a disabled element cannot keep the focus
  for (const id of ["swap", "low", "high", "observer", "remove", "save"]) $(id).disabled = !on;
  document.body.classList.toggle("empty", !on);
  if (lost) $("heading").focus();
}

// ---- the choice

function change(part) {
  if (!state.pair) return;
  state.choice = { ...state.choice, ...part };
  showChoice();
}

function showChoice() {
  const { choice } = state;
  for (const id of ["low", "high"]) {
    const cycles = choice[`cycles_${id}`];
    const values = { cycles: short(cycles), sigma: short(SIGMA / cycles) };
    const input = $(id);
    input.value = Math.log2(cycles);
    input.style.setProperty("--at", `${(100 * (input.value - input.min)) / (input.max - input.min)}%`);
    input.setAttribute("aria-valuetext", say("spoken", values));
    $(`${id}Cycles`).textContent = say("cycles", values);
    $(`${id}Sigma`).textContent = say("sigma", values);
  }
  for (const role of ["first", "second"]) {
    const place = choice.low === role ? "far" : "near";
    $(`${role}Figure`).dataset.place = place;
    $(`${role}Figure`).querySelector("figcaption").textContent = say(place);
  }
  const names = { near: state.pair[choice.low === "first" ? "second" : "first"], far: state.pair[choice.low] };
  for (const id of ["near", "far"]) $(id).setAttribute("aria-label", `${say(id === "near" ? "fromNear" : "fromFar")}: ${names[id]}`);
  $("remove").hidden = !state.saved;
  if (same(choice, state.saved)) tell(say("isSaved"), "good");
  else tell(say(!state.saved && same(choice, plain(state.pair.observer)) ? "suggested" : "changed"));
  draw();
}

// ---- the hybrid: one request at a time, and after it the newest choice only

let drawing = false;
let stale = false;

async function draw() {
  stale = true;
  if (drawing) return;
  drawing = true;
  while (stale && state.choice) {
    stale = false;
    const { visit, choice } = state;
    try {
      const blob = await (await ask(address(`/hybrid.jpg?${new URLSearchParams(choice)}`))).blob();
      if (visit === state.visit) await paint(blob);
    } catch (error) {
      if (visit === state.visit) tell(error.message, "bad");
    }
  }
  drawing = false;
}

async function paint(blob) {
  const near = await createImageBitmap(blob);
  const pixels = Math.max(8, ($("near").clientWidth * state.near) / state.far);
  const width = Math.round(pixels * devicePixelRatio);
  const height = Math.max(1, Math.round((width * near.height) / near.width));
  const far = await createImageBitmap(blob, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" });
  $("far").style.width = `${pixels}px`;
  for (const [id, bitmap] of [["near", near], ["far", far]]) {
    const canvas = $(id);
    Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
  }
}

// ---- saving

let saving = false;

async function save(choice) {
  if (!state.pair || saving) return;
  saving = true;
  const { index, visit, pair } = state;
  const body = JSON.stringify({ choice, seen: pair.label && pair.label.seen });
  try {
    const options = { method: "PUT", headers: { "Content-Type": "application/json" }, body };
    const { label } = await (await ask(address("/label"), options)).json();
    state.pairs[index].labelled = label !== null;
    state.drafts.delete(pair.number);
    pair.label = label;
    if (visit === state.visit) written(choice);
  } catch (error) {
    if (error.status === 409 && visit === state.visit) await conflict().catch((other) => tell(other.message, "bad"));
    else tell(error.message, "bad");
  } finally {
    saving = false;
  }
  showStrip();
}

function written(choice) {
  state.saved = choice;
  const open = state.pairs.findIndex((pair) => !pair.labelled && !pair.broken);
  if (!choice) {
    showChoice();
    tell(say("removed"));
  } else if (state.index + 1 < state.pairs.length) show(state.index + 1);
  else if (open >= 0) show(open);
  else {
    showChoice();
    if (state.pairs.every((pair) => pair.labelled)) tell(say("finished", { count: state.pairs.length }), "good");
  }
}

async function conflict() {
  const { label } = await (await ask(address(""))).json();
  state.pair.label = label;
  state.saved = label && plain(label);
  const values = label && { name: state.pair[label.low], low: short(label.cycles_low), high: short(label.cycles_high) };
  showChoice();
  tell(say("conflict", { label: label ? say("isFar", values) : say("none") }), "bad");
}

// ---- around it

function tell(text, kind = "") {
  $("status").textContent = text;
  $("status").dataset.kind = kind;
}

function showStrip() {
  const done = state.pairs.filter((pair) => pair.labelled).length;
  $("count").textContent = say("progress", { done, count: state.pairs.length });
  Object.assign($("done"), { max: state.pairs.length, value: done });
  $("done").setAttribute("aria-label", $("count").textContent);
  state.pairs.forEach((pair, index) => {
    const chip = $("strip").children[index];
    chip.className = pair.broken ? "broken" : pair.labelled ? "done" : "";
    chip.setAttribute("aria-label", say(pair.broken ? "pairBroken" : pair.labelled ? "pairLabelled" : "pair", pair));
    if (index === state.index) chip.setAttribute("aria-current", "true");
    else chip.removeAttribute("aria-current");
  });
  const chip = $("strip").children[state.index];
  $("strip").scrollTo({ left: chip.offsetLeft - ($("strip").clientWidth - chip.clientWidth) / 2 });
  $("back").disabled = state.index === 0;
  $("skip").disabled = state.index + 1 === state.pairs.length;
}

const step = (by) => state.index + by in state.pairs && show(state.index + by);
const swap = () => state.pair && change({ low: state.choice.low === "first" ? "second" : "first" });
const observe = () => state.pair && change(plain(state.pair.observer));
const nudge = (id, by) => {
  if (!state.pair) return;
  const octaves = Math.min($(id).max, Math.max($(id).min, Math.log2(state.choice[`cycles_${id}`]) + by));
  change({ [`cycles_${id}`]: 2 ** octaves });
};

const KEYS = {
  ArrowLeft: () => nudge("low", -STEP),
  ArrowRight: () => nudge("low", STEP),
  ArrowDown: () => nudge("high", -STEP),
  ArrowUp: () => nudge("high", STEP),
  s: swap,
  o: observe,
  b: () => step(-1),
  n: () => step(1),
  Enter: () => save(state.choice),
};

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const slider = event.target.type === "range";
  if (!(key in KEYS) || (slider && key.startsWith("Arrow"))) return;
  if (event.target.closest("button") && key === "Enter") return;
  if (event.repeat && !key.startsWith("Arrow")) return;
  event.preventDefault();
  KEYS[key]();
}

async function start() {
  translate();
  $("swap").onclick = swap;
  $("observer").onclick = observe;
  $("remove").onclick = () => save(null);
  $("save").onclick = () => save(state.choice);
  $("back").onclick = () => step(-1);
  $("skip").onclick = () => step(1);
  for (const id of ["low", "high"]) $(id).oninput = () => change({ [`cycles_${id}`]: 2 ** Number($(id).value) });
  document.addEventListener("keydown", press);
  new ResizeObserver(draw).observe($("near"));
  let found;
  try {
    found = await (await ask("pairs")).json();
  } catch (error) {
    $("notices").textContent = error.message;
    $("notices").hidden = false;
    return;
  }
  Object.assign(state, { pairs: found.pairs, near: found.near, far: found.far });
  $("notices").textContent = found.notices.join(" · ");
  $("notices").hidden = found.notices.length === 0;
  $("nearDistance").textContent = `${short(found.near)} m`;
  $("farDistance").textContent = `${short(found.far)} m`;
  $("strip").append(...found.pairs.map((pair, index) => {
    const chip = Object.assign(document.createElement("button"), { type: "button", textContent: pair.number });
    chip.onclick = () => show(index);
    return chip;
  }));
  $("main").hidden = $("actions").hidden = false;
  const named = found.pairs.findIndex((pair) => `#${pair.number}` === location.hash);
  const open = found.pairs.findIndex((pair) => !pair.labelled);
  show(named >= 0 ? named : Math.max(0, open));
}

start();

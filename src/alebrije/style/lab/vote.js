// Ranks pictures by clicks and saves the ranking as a small JSON file. Nothing is sent anywhere.
"use strict";

const pairs = [...document.querySelectorAll(".pair")].map((section) => ({
  section,
  choices: [...section.querySelectorAll(".choice")],
  order: [],
}));
const save = document.getElementById("save");
const told = document.getElementById("told");
const voter = document.getElementById("voter");
const stranger = "somebody-" + Math.random().toString(36).slice(2, 10);

function shuffle(list) {
  for (let last = list.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [list[last], list[other]] = [list[other], list[last]];
  }
}

function show(pair) {
  for (const [number, choice] of pair.choices.entries()) {
    const place = pair.order.indexOf(choice.dataset.code) + 1;
    choice.classList.toggle("placed", place > 0);
    choice.querySelector(".place").textContent = place || "";
    choice.setAttribute("aria-label", `painting ${number + 1}, ${place ? `your place ${place}` : "no place yet"}`);
  }
}

function tell() {
  const begun = pairs.filter((pair) => pair.order.length > 0).length;
  save.disabled = begun === 0;
  told.textContent = `${begun} of ${pairs.length} pairs ranked`;
}

for (const pair of pairs) {
  shuffle(pair.choices);
  pair.section.querySelector(".choices").append(...pair.choices);
  for (const choice of pair.choices) {
    choice.addEventListener("click", () => {
      const code = choice.dataset.code;
      pair.order = pair.order.includes(code) ? pair.order.filter((one) => one !== code) : [...pair.order, code];
      show(pair);
      tell();
    });
  }
  show(pair);
}
tell();

save.addEventListener("click", () => {
  const ballots = pairs
    .filter((pair) => pair.order.length > 0)
    .map((pair) => ({ shown: pair.choices.map((choice) => choice.dataset.code), order: pair.order }));
  const name = voter.value.trim() || stranger;
  const text = JSON.stringify({ alebrije: "votes", voter: name, ballots }, null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = `votes-${name.replace(/[^\p{L}\p{N}_-]+/gu, "-")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  told.textContent = `saved: ${link.download}`;
});

window.addEventListener("beforeunload", (event) => {
  if (pairs.some((pair) => pair.order.length > 0) && !told.textContent.startsWith("saved")) event.preventDefault();
});

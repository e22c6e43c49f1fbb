// What the page says, by language. Each table is plain JSON; both have the same keys. {x} is filled in.
const WORDS = {
  "en": {
    "title": "Label pairs",
    "pairs": "Pairs",
    "hybrid": "The hybrid",
    "choice": "Your choice",
    "fromNear": "From near",
    "fromFar": "From afar",
    "pair": "Pair {number}",
    "pairLabelled": "Pair {number}, labelled",
    "pairBroken": "Pair {number}, cannot be shown",
    "progress": "{done} of {count} labelled",
    "first": "First picture: {name}",
    "second": "Second picture: {name}",
    "near": "near",
    "far": "afar",
    "swap": "Swap",
    "swapHelp": "Swap: show the other picture from afar",
    "low": "Seen from afar: finest detail kept",
    "high": "Seen from near: coarsest detail kept",
    "cycles": "{cycles} cycles per image",
    "sigma": "{sigma} px at 224",
    "spoken": "{cycles} cycles per image, blur of {sigma} pixels in 224",
    "blurrier": "blurrier",
    "sharper": "sharper",
    "shapes": "shapes too",
    "lines": "fine lines only",
    "observer": "Ask the observer",
    "remove": "Remove the label",
    "back": "Back",
    "skip": "Skip",
    "save": "Save & next",
    "keyFar": "afar",
    "keyNear": "near",
    "keySwap": "swap",
    "keyObserver": "observer",
    "keyBack": "back",
    "keySkip": "skip",
    "keySave": "save",
    "suggested": "The observer's choice, not saved yet",
    "changed": "Changed, not saved yet",
    "isSaved": "Saved in labels.txt",
    "removed": "The label is removed",
    "finished": "All {count} pairs are labelled. They are saved in labels.txt.",
    "conflict": "This label was changed elsewhere meanwhile ({label}). Save again to replace it.",
    "none": "removed",
    "isFar": "{name} afar, {low} and {high} cycles",
    "broken": "This pair cannot be shown",
    "brokenHelp": "Skip it, or mend the file and load the page again.",
    "gone": "The program no longer answers. Start it again in the terminal, then load the page again."
  },
  "es": {
    "title": "Etiquetar parejas",
    "pairs": "Parejas",
    "hybrid": "El híbrido",
    "choice": "Tu elección",
    "fromNear": "De cerca",
    "fromFar": "De lejos",
    "pair": "Pareja {number}",
    "pairLabelled": "Pareja {number}, etiquetada",
    "pairBroken": "Pareja {number}, no se puede mostrar",
    "progress": "{done} de {count} etiquetadas",
    "first": "Primera imagen: {name}",
    "second": "Segunda imagen: {name}",
    "near": "cerca",
    "far": "lejos",
    "swap": "Cambiar",
    "swapHelp": "Cambiar: que la otra imagen se vea de lejos",
    "low": "De lejos: detalle más fino que queda",
    "high": "De cerca: detalle más grueso que queda",
    "cycles": "{cycles} ciclos por imagen",
    "sigma": "{sigma} px en 224",
    "spoken": "{cycles} ciclos por imagen, desenfoque de {sigma} píxeles en 224",
    "blurrier": "más borroso",
    "sharper": "más nítido",
    "shapes": "también formas",
    "lines": "solo líneas finas",
    "observer": "Preguntar al observador",
    "remove": "Quitar la etiqueta",
    "back": "Atrás",
    "skip": "Saltar",
    "save": "Guardar y seguir",
    "keyFar": "lejos",
    "keyNear": "cerca",
    "keySwap": "cambiar",
    "keyObserver": "observador",
    "keyBack": "atrás",
    "keySkip": "saltar",
    "keySave": "guardar",
    "suggested": "Elección del observador, aún sin guardar",
    "changed": "Cambiada, aún sin guardar",
    "isSaved": "Guardada en labels.txt",
    "removed": "Etiqueta quitada",
    "finished": "Las {count} parejas están etiquetadas y guardadas en labels.txt.",
    "conflict": "Entretanto, esta etiqueta cambió en otro lugar ({label}). Guarda otra vez para reemplazarla.",
    "none": "quitada",
    "isFar": "{name} de lejos, {low} y {high} ciclos",
    "broken": "Esta pareja no se puede mostrar",
    "brokenHelp": "Sáltala, o arregla el archivo y vuelve a cargar la página.",
    "gone": "El programa ya no responde. Ábrelo de nuevo en la terminal y vuelve a cargar la página."
  }
};

const language = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => tag in WORDS) ?? "en";

// A sentence in the browser's language, its {places} filled from values.
export function say(key, values = {}) {
  return WORDS[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// A number with three digits, as the language writes it.
export const short = (number) => number.toLocaleString(language, { maximumSignificantDigits: 3 });

// Puts the words of the language into the page.
export function translate() {
  document.documentElement.lang = language;
  for (const part of document.querySelectorAll("[data-word]")) part.textContent = say(part.dataset.word);
  for (const part of document.querySelectorAll("[data-label]")) part.setAttribute("aria-label", say(part.dataset.label));
  for (const part of document.querySelectorAll("[data-title]")) part.title = say(part.dataset.title);
}

// What the page says, by language. Each table is plain JSON; both have the same keys. {x} is filled in.
const WORDS = {
  "en": {
    "title": "Sliders",
    "picture": "The picture",
    "sliders": "Sliders",
    "directions": "Directions",
    "directionsHelp": "What makes the pictures differ most, the widest first, in standard deviations. Two clicks set a slider back.",
    "direction": "Direction {number}",
    "tags": "Tags",
    "tagsFixed": "The tags of the latent that was given are in its styles; take a new picture to move them.",
    "truncation": "Truncation",
    "calm": "Variety",
    "seed": "seed {seed}",
    "given": "the latent that was given",
    "other": "New picture",
    "before": "Back",
    "reset": "Reset",
    "wasReset": "All sliders are where they began",
    "save": "Save PNG",
    "keep": "Save latent",
    "keepHelp": "For alebrije generate RUN --from latent.safetensors",
    "gone": "The program no longer answers. Start it again in the terminal, then load the page again."
  },
  "es": {
    "title": "Deslizadores",
    "picture": "La imagen",
    "sliders": "Deslizadores",
    "directions": "Direcciones",
    "directionsHelp": "Lo que más distingue a las imágenes, de mayor a menor, en desviaciones estándar. Dos clics devuelven un deslizador a su sitio.",
    "direction": "Dirección {number}",
    "tags": "Etiquetas",
    "tagsFixed": "Las etiquetas del latente dado están en sus estilos; toma otra imagen para moverlas.",
    "truncation": "Truncamiento",
    "calm": "Variedad",
    "seed": "semilla {seed}",
    "given": "el latente dado",
    "other": "Otra imagen",
    "before": "Atrás",
    "reset": "Reiniciar",
    "wasReset": "Todos los deslizadores están donde empezaron",
    "save": "Guardar PNG",
    "keep": "Guardar latente",
    "keepHelp": "Para alebrije generate RUN --from latent.safetensors",
    "gone": "El programa ya no responde. Ábrelo de nuevo en la terminal y vuelve a cargar la página."
  }
};

const language = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => tag in WORDS) ?? "en";

// A sentence in the browser's language, its {places} filled from values.
export function say(key, values = {}) {
  return WORDS[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// A number with two digits, as the language writes it.
export const short = (number) => number.toLocaleString(language, { maximumSignificantDigits: 2 });

// Puts the words of the language into the page.
export function translate() {
  document.documentElement.lang = language;
  for (const part of document.querySelectorAll("[data-word]")) part.textContent = say(part.dataset.word);
  for (const part of document.querySelectorAll("[data-label]")) part.setAttribute("aria-label", say(part.dataset.label));
  for (const part of document.querySelectorAll("[data-title]")) part.title = say(part.dataset.title);
}

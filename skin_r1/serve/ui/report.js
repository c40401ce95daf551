// The case as it was sent, for the screen, the printed report and the JSON file.
import { definitions, el } from "./dom.js";

const NAMES = {
  modality: "Kind of picture", age: "Age", sex: "Sex", site: "Site",
  skin_type: "Skin type", history: "History", model: "Model",
};
const KINDS = { clinical: "Photograph", dermoscopic: "Dermoscopy", histopathology: "Histopathology" };
const TYPES = ["I", "II", "III", "IV", "V", "VI"];

function said(name, value) {
  if (name === "modality") return KINDS[value];
  if (name === "skin_type") return `Fitzpatrick ${TYPES[value - 1]}`;
  if (name === "sex") return value === "female" ? "Female" : "Male";
  return name === "age" ? `${value} years` : value;
}

// `sent` is {fields: {name: value}, pictures: [{file, url}], at: Date}.
export function caseSummary(sent) {
  const rows = Object.entries(sent.fields).map(([name, value]) => [NAMES[name], said(name, value)]);
  return el("section", { class: "sent", "aria-label": "The case as it was sent" },
    el("h2", { class: "paper" }, "Skin-R1 report"),
    el("div", { class: "paper report-pictures" },
      ...sent.pictures.map(({ url }, index) => el("img", { src: url, alt: `Picture ${index + 1}` }))),
    definitions([["Sent", sent.at.toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short" })],
      ["Pictures", sent.pictures.length], ...rows]));
}

// A file with the answer as the server gave it, what was asked, and the questions after it. No pictures.
export function download(sent, answer, talk) {
  const asked = { ...sent.fields, pictures: sent.pictures.length, at: sent.at.toISOString() };
  const content = { sent: asked, answer, follow_up: talk };
  const url = URL.createObjectURL(new Blob([JSON.stringify(content, null, 2)], { type: "application/json" }));
  el("a", { href: url, download: `skin-r1-${answer.id}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// Paper cannot be opened by a click: `details` are printed open.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const details of opened) details.open = true;
});
addEventListener("afterprint", () => { for (const details of opened) details.open = false; });

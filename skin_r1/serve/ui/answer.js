// The answer on the page: warnings first, then what was seen, what it could be and how sure that is.
import { definitions, el, icon, words } from "./dom.js";
import { linkedFindings } from "./linked.js";
import { adviceItem } from "./live.js";

const TITLES = { routine: "No red flag found", soon: "Soon", urgent: "Urgent", emergency: "Emergency" };
const NEXT = {
  poor_image: "Take the picture again: closer, sharper, in even light. Then send it as a new case.",
  not_skin: "Choose a picture that shows skin, with the spot in the middle.",
  out_of_scope: "This model was not made for such a picture. Ask a person who is trained to read it.",
  no_agreement: "The readings did not agree. A second picture, or more history, may help; a person has to look.",
  unreadable: "Send the case again. If it happens again, try another picture.",
};
const MALIGNANCIES = ["benign", "premalignant", "malignant", "non-neoplastic", "indeterminate"];

// Text, icon and colour say the same.
function malignancyTag(malignancy) {
  const known = MALIGNANCIES.includes(malignancy) ? malignancy : "indeterminate";
  return el("span", { class: `tag ${known}` }, icon(known), malignancy);
}

// The banner. Its head stays in sight while the answer is read if it is urgent.
export function triageBanner(triage) {
  const head = el("div", { class: `triage ${triage.level}`, role: "alert" }, icon(triage.level),
    el("p", {}, el("strong", {}, TITLES[triage.level]), " ", triage.advice));
  const why = el("ul", { class: `triage-why ${triage.level}` }, ...triage.flags.map((flag) => el("li", {}, flag.reason)));
  return triage.flags.length ? [head, why] : [head];
}

function percent(value) {
  if (value > 0 && value < 0.01) return "< 1 %";
  return value < 1 && value > 0.99 ? "> 99 %" : `${Math.round(value * 100)} %`;
}

function differential(list) {
  const rest = 1 - list.reduce((sum, { probability }) => sum + probability, 0);
  const note = list.every(({ probability }) => probability !== null) && rest > 0.005
    ? el("p", { class: "note" }, `The rest, ${percent(rest)}, is for something else.`) : null;
  const bars = el("ol", { class: "bars" }, ...list.map(({ name, probability, malignancy }) => {
    const kind = malignancy === "malignant" ? "bar malignant" : "bar";
    const bar = el("div", { class: kind, "aria-hidden": "true" }, el("span"));
    bar.firstChild.style.width = `${100 * (probability ?? 0)}%`;
    return el("li", {}, el("div", { class: "bar-head" },
      el("span", { class: "name" }, name), malignancy ? malignancyTag(malignancy) : null,
      el("span", { class: "number" }, probability === null ? "no number" : percent(probability))),
      probability === null ? null : bar);
  }));
  return [bars, note];
}

// `note` is the server's own sentence on what the number is.
function confidence({ value, calibrated, note, prediction_set: set }) {
  const number = value === null
    ? el("strong", {}, "No number")
    : el("strong", {}, el("span", { class: "number" }, percent(value)), calibrated ? ", calibrated" : ", not calibrated");
  const left = set && (set.length
    ? `Diagnoses that cannot be ruled out at the calibrated level: ${set.map(words).join(", ")}.`
    : "At the calibrated level none of these diagnoses can be relied on.");
  return el("section", { class: "confidence" }, el("h3", {}, "Confidence"), el("p", {}, number),
    note ? el("p", { class: "note sentence" }, `${note}.`) : null, left ? el("p", {}, left) : null);
}

function qualityAdvice(quality) {
  const items = quality.flatMap((advice, image) => advice.map((one) => adviceItem(one, quality.length > 1 ? image + 1 : 0)));
  if (!items.length) return null;
  return el("section", { class: "quality" }, el("h3", {}, "The picture"), el("ul", { class: "advice" }, ...items));
}

function abstention(answer) {
  return el("div", { class: "abstained" }, el("h2", { class: "result", tabindex: "-1" }, "No answer"),
    el("p", {}, answer.reason),
    el("p", {}, el("strong", {}, "What to do. "), NEXT[answer.reason_code] ?? "A person has to look."),
    el("p", { class: "note" }, "No answer does not mean that the skin change is harmless."));
}

function headline(answer) {
  const path = answer.resolved?.path ?? [];
  return el("div", { class: "headline" }, el("p", { class: "eyebrow" }, "The model's answer"),
    el("h2", { class: "result", tabindex: "-1" }, answer.diagnosis), malignancyTag(answer.malignancy),
    el("p", { class: "note path" }, path.length ? path.map(words).join(" › ") : "This name is not in the ontology."));
}

// All of an answer but its actions.
export function answerParts(answer) {
  const parts = [...triageBanner(answer.triage), answer.abstained ? abstention(answer) : headline(answer)];
  parts.push(qualityAdvice(answer.image_quality));
  if (!answer.abstained) parts.push(confidence(answer.confidence));
  const unsettled = answer.abstained ? ", without an answer" : "";
  if (answer.differential.length) {
    parts.push(el("section", {}, el("h3", {}, `What it could be${unsettled}`), ...differential(answer.differential)));
  }
  if (answer.rationale) {
    const [chips, reasoning] = linkedFindings(answer.findings, answer.rationale);
    const seen = answer.findings.length ? chips : el("p", {}, "None named.");
    parts.push(el("section", {}, el("h3", {}, `Findings${unsettled}`), seen),
      el("section", {}, el("h3", {}, `Reasoning${unsettled}`), reasoning));
  }
  const foot = el("footer", {}, el("p", { class: "disclaimer" }, answer.disclaimer),
    el("details", { class: "versions" }, el("summary", {}, "Versions"),
      definitions([["answer", answer.id],
        ...Object.entries(answer.versions)])));
  return { parts: parts.filter(Boolean), foot };
}

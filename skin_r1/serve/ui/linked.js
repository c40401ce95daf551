// Findings and the sentences that state them, linked both ways: hover or focus lights up the other side, a click goes there.
import { el } from "./dom.js";

// Cut `text` at the edges of all spans. Offsets count characters (code points), as the server's do; JavaScript's own
// count differs after an emoji. Gives [{text, findings: [index]}] in order.
export function pieces(text, findings) {
  const characters = Array.from(text);
  const spans = findings.flatMap(({ said }, finding) => said.map(([start, end]) => ({ start, end, finding })))
    .filter(({ start, end }) => 0 <= start && start < end && end <= characters.length);
  const edges = [...new Set([0, characters.length, ...spans.flatMap(({ start, end }) => [start, end])])].sort((a, b) => a - b);
  return edges.slice(1).map((end, at) => ({
    text: characters.slice(edges[at], end).join(""),
    findings: [...new Set(spans.filter((span) => span.start <= edges[at] && end <= span.end).map((span) => span.finding))],
  }));
}

// Gives [list of chips, paragraph of reasoning].
export function linkedFindings(findings, rationale) {
  const chips = findings.map((finding, index) => chip(finding, index));
  const parts = pieces(rationale, findings).map(({ text, findings: said }) => {
    if (!said.length) return text;
    const names = said.map((index) => findings[index].name).join(", ");
    return el("a", { href: `#finding-${said[0]}`, class: "said", "data-findings": said.join(" "), title: `Finding: ${names}` }, text);
  });
  const list = el("ul", { class: "chips" }, ...chips.map((button) => el("li", {}, button)));
  const reasoning = el("p", { class: "rationale" }, ...parts);
  const marks = [...reasoning.querySelectorAll(".said")];
  const marksOf = (index) => marks.filter((mark) => mark.dataset.findings.split(" ").includes(String(index)));
  const light = (indices) => {
    chips.forEach((button, index) => button.classList.toggle("lit", indices.includes(index)));
    marks.forEach((mark) => mark.classList.toggle("lit", mark.dataset.findings.split(" ").some((index) => indices.includes(Number(index)))));
  };
  const links = [
    ...chips.map((button, index) => [button, [index], () => marksOf(index)[0]]).filter(([button]) => !button.disabled),
    ...marks.map((mark) => [mark, mark.dataset.findings.split(" ").map(Number), () => chips[mark.dataset.findings.split(" ")[0]]]),
  ];
  for (const [element, indices, other] of links) {
    for (const kind of ["mouseenter", "focus"]) element.addEventListener(kind, () => light(indices));
    for (const kind of ["mouseleave", "blur"]) element.addEventListener(kind, () => light([]));
    element.addEventListener("click", (event) => {
      event.preventDefault();
      other()?.focus();
    });
  }
  return [list, reasoning];
}

function chip({ name, said }, index) {
  const attributes = { type: "button", id: `finding-${index}`, class: said.length ? "chip" : "chip unsaid" };
  const note = said.length ? "" : " (only listed)";
  const made = el("button", attributes, name, note ? el("span", { class: "quiet" }, note) : null);
  made.disabled = !said.length;
  return made;
}

// Findings and the sentences that state them, linked both ways: hover or focus lights up the other side, a click goes there.
import { el } from "./dom.js";

// Cut `text` at the edges of all spans. Offsets count characters (code points), as the server's do; JavaScript's own
// count differs after an emoji. Gives [{text, findings: [index]}] in order.
export function pieces(text, findings) {
  const characters = Array.from(text);
  const spans = findings
    .flatMap(({ said }, finding) => said.map(([start, end]) => ({ start, end, finding })))
    .filter(({ start, end }) => 0 <= start && start < end && end <= characters.length);
  const ends = spans.flatMap(({ start, end }) => [start, end]);
  const edges = [...new Set([0, characters.length, ...ends])].sort((a, b) => a - b);
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
    const link = { href: `#finding-${said[0]}`, class: "said", "data-findings": said.join(" "), title: `Finding: ${names}` };
    return el("a", link, text);
  });
  const list = el("ul", { class: "chips" }, ...chips.map((button) => el("li", {}, button)));
  const reasoning = el("p", { class: "rationale" }, ...parts);
  const marks = [...reasoning.querySelectorAll(".said")];
  const findingsOf = (mark) => mark.dataset.findings.split(" ").map(Number);
  const light = (indices) => {
    chips.forEach((button, index) => button.classList.toggle("lit", indices.includes(index)));
    marks.forEach((mark) => mark.classList.toggle("lit", findingsOf(mark).some((index) => indices.includes(index))));
  };
  const links = [ // element, the findings it stands for, where a click goes
    ...chips.filter((button) => !button.disabled).map((button) => {
      const index = chips.indexOf(button);
      return [button, [index], () => marks.find((mark) => findingsOf(mark).includes(index))];
    }),
    ...marks.map((mark) => [mark, findingsOf(mark), () => chips[findingsOf(mark)[0]]]),
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

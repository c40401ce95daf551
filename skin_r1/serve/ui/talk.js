// Questions after an answer. The server keeps the pictures and the case; only the question travels.
import { $, el } from "./dom.js";
import { followUp } from "./client.js";
import { triageBanner } from "./answer.js";
import { showProblem } from "./problems.js";

// Gives {element, turns, abort}: the form under an answer, and what was asked and answered so far.
export function talkAbout(answer) {
  const turns = [];
  const thread = el("ol", { class: "thread", "aria-live": "polite" });
  const question = el("textarea", { id: "question", rows: "2", maxlength: "2000", required: "" });
  const send = el("button", { type: "submit", class: "plain" }, "Ask");
  const problem = el("div", { class: "problem", role: "alert", hidden: "" });
  const form = el("form", { class: "ask" }, el("label", { for: "question" }, "Your question about this case"), question, send);
  const asking = new AbortController();

  const ask = async (event) => {
    event?.preventDefault();
    const text = question.value.trim();
    if (!text || send.disabled) return;
    send.disabled = true;
    send.textContent = "Waiting for the answer";
    problem.hidden = true;
    const body = new FormData();
    body.append("case", answer.case);
    body.append("question", text);
    try {
      const reply = await followUp(body, $("key").value, asking.signal);
      turns.push({ question: text, ...reply });
      thread.append(el("li", {}, el("p", { class: "asked" }, text), el("p", { class: "rationale" }, reply.answer)));
      const banner = $("answer").querySelectorAll(".triage, .triage-why");
      banner[0].before(...triageBanner(reply.triage));
      for (const old of banner) old.remove();
      question.value = "";
    } catch (error) {
      if (error.name === "AbortError") return;
      showProblem(problem, error, error.code === "case_not_found" ? null : ask);
    } finally {
      send.disabled = false;
      send.textContent = "Ask";
    }
  };
  form.addEventListener("submit", ask);
  question.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask(event);
  });
  const element = el("section", { class: "talk" }, el("h3", {}, "Follow-up"), thread, problem, form);
  return { element, turns, abort: () => asking.abort() };
}

// Questions after an answer. The server keeps the pictures and the case; only the question travels.
import { $, el } from "./dom.js";
import { ask } from "./client.js";
import { triageBanner } from "./answer.js";
import { showProblem } from "./problems.js";
import { reasoningOf } from "./live.js";

// Of what was generated so far: the answer once it has begun, before that the reasoning.
function soFar(text) {
  const end = text.indexOf("</think>");
  return end < 0 ? reasoningOf(text) : text.slice(end + "</think>".length).trimStart();
}

// Gives {element, turns, abort}: the form under an answer, and what was asked and answered so far.
export function talkAbout(answer) {
  const turns = [];
  const thread = el("ol", { class: "thread", "aria-live": "polite" });
  const live = el("p", { class: "rationale live" });
  const question = el("textarea", { id: "question", rows: "2", maxlength: "2000", required: "" });
  const send = el("button", { type: "submit", class: "plain" }, "Ask");
  const problem = el("div", { class: "problem", role: "alert", hidden: "" });
  const form = el("form", { class: "ask" },
    el("label", { for: "question" }, "Your question about this case"), question, send);
  const asking = new AbortController();

  const submit = async (event) => {
    event?.preventDefault();
    const text = question.value.trim();
    if (!text || send.disabled) return;
    send.disabled = true;
    send.textContent = "The model answers";
    problem.hidden = true;
    const body = new FormData();
    for (const [name, value] of [["case", answer.case], ["question", text], ["stream", "true"]]) body.append(name, value);
    let written = "";
    const token = (piece) => {
      written += piece.text;
      live.textContent = soFar(written);
    };
    try {
      const reply = await ask(body, $("key").value, asking.signal, { token });
      turns.push({ question: text, ...reply });
      const said = reply.answer || "The model wrote no answer to this question.";
      thread.append(el("li", {}, el("p", { class: "asked" }, text), el("p", { class: "rationale" }, said)));
      const banner = $("answer").querySelectorAll(".triage, .triage-why");
      banner[0].before(...triageBanner(reply.triage));
      for (const old of banner) old.remove();
      question.value = "";
    } catch (error) {
      if (error.name === "AbortError") return;
      showProblem(problem, error, error.code === "case_not_found" ? null : submit);
    } finally {
      live.textContent = "";
      send.disabled = false;
      send.textContent = "Ask";
    }
  };
  form.addEventListener("submit", submit);
  question.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
  });
  const element = el("section", { class: "talk" }, el("h3", {}, "Follow-up"), thread, live, problem, form);
  return { element, turns, abort: () => asking.abort() };
}

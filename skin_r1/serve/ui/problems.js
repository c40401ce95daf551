// What went wrong, in plain words, with the next step.
import { el, icon } from "./dom.js";

const WORDS = {
  unreachable: ["The server cannot be reached", "Check the connection, then try again."],
  broken: ["The reply was damaged", "Nothing of it is shown, because half an answer can mislead. Try again."],
  cut: ["The connection ended too early", "Nothing of the unfinished answer is shown. Try again."],
  invalid_api_key: ["This server asks for an API key", "Type the key that you were given, then press Diagnose again."],
  case_not_found: [
    "The server no longer holds this case",
    "Cases are kept for a limited time. Send the pictures again as a new case.",
  ],
  engine_timeout: ["The model took too long", "Try again, with fewer pictures if there are several."],
};
const BY_STATUS = {
  400: ["The server refused this", "Change it, then try again."],
  403: ["This is not allowed", ""],
  413: ["The pictures are too large", "Send fewer pictures, or smaller ones."],
  415: ["A picture cannot be read", "Send a JPEG, PNG or WebP picture."],
  422: ["A picture cannot be used", "Take it again, or choose another."],
  429: ["The server is busy", "Your case was not read yet."],
  502: ["The model does not answer", "Try again in a moment."],
  503: ["The service is not ready", "Your case was not read."],
  504: ["The model took too long", "Try again in a moment."],
};

// Fill `box`, an alert. With a Retry-After a countdown runs and `again` becomes pressable at its end. Gives a function
// that stops the countdown. The count is hidden from screen readers, which are told the whole wait once.
export function showProblem(box, problem, again) {
  const [title, next] = WORDS[problem.code] ?? BY_STATUS[problem.status] ?? ["No answer", "Try again."];
  const seconds = problem.retryAfter;
  const retry = again ? el("button", { type: "button", class: "plain", onclick: again }, "Try again") : null;
  const count = el("span", { class: "count", "aria-hidden": "true" });
  box.replaceChildren(
    el("h2", {}, icon("warn"), title),
    ...(problem.message ? [el("p", {}, `The server says: ${problem.message}`)] : []),
    el("p", {}, seconds ? `${next} Try again in ${seconds} seconds.` : next),
    el("p", { class: "actions" }, ...(retry ? [retry, count] : [])),
  );
  box.hidden = false;
  if (!retry || !seconds) return () => {};
  const until = Date.now() + seconds * 1000;
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    retry.disabled = left > 0;
    count.textContent = left > 0 ? `in ${left} s` : "";
    if (left <= 0) clearInterval(timer);
  };
  const timer = setInterval(tick, 250);
  tick();
  return () => clearInterval(timer);
}

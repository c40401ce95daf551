// The page: collect a case, send it, show what comes back. One case at a time.
import { $, el } from "./dom.js";
import { Problem, ask, headers } from "./client.js";
import { answerParts } from "./answer.js";
import { liveView } from "./live.js";
import { clearPictures, pictures, watchPictures } from "./pictures.js";
import { showProblem } from "./problems.js";
import { caseSummary, download } from "./report.js";
import { talkAbout } from "./talk.js";

// Reaction to the sun, after Fitzpatrick, Arch Dermatol 1988;124:869-871.
const SKIN_TYPES = {
  "": "How skin reacts to the sun, from I (always burns) to VI (never burns).",
  1: "I: always burns, never tans.", 2: "II: burns easily, tans a little.", 3: "III: burns sometimes, tans slowly.",
  4: "IV: burns a little, tans well.", 5: "V: rarely burns, tans deeply.", 6: "VI: never burns.",
};
let work = null; // AbortController of the request that runs
let talk = null;
let endCountdown = () => {};

// Forget the answer. It never stands beside other pictures than its own.
function clearAnswer() {
  work?.abort();
  talk?.abort();
  endCountdown();
  talk = null;
  $("answer").replaceChildren();
  $("problem").hidden = true;
  $("before").hidden = false;
}

function newCase() {
  clearAnswer();
  const [key, model] = [$("key").value, $("model").value];
  $("form").reset();
  [$("key").value, $("model").value] = [key, model];
  clearPictures();
  describeSkin();
  $("files").focus();
}

function fields() {
  const names = ["modality", "age", "sex", "site", "skin_type", "history"];
  if (!$("modelbox").hidden) names.push("model");
  const data = new FormData($("form"));
  return Object.fromEntries(names.map((name) => [name, data.get(name).trim()]).filter(([, value]) => value));
}

function showAnswer(answer, sent) {
  talk = answer.case ? talkAbout(answer) : null;
  const { parts, foot } = answerParts(answer);
  const save = () => download(sent, answer, talk?.turns ?? []);
  const actions = el("div", { class: "actions" },
    el("button", { type: "button", class: "plain", onclick: () => print() }, "Print report"),
    el("button", { type: "button", class: "plain", onclick: save }, "Download JSON"),
    el("button", { type: "button", class: "plain", onclick: newCase }, "New case"));
  $("answer").replaceChildren(...parts, actions, ...(talk ? [talk.element] : []), caseSummary(sent), foot);
  $("before").hidden = true;
}

async function send(event) {
  event?.preventDefault();
  if (work) return;
  if (!pictures().length) {
    $("pictures-note").textContent = "Choose a picture first.";
    $("files").focus();
    return;
  }
  if (!$("form").reportValidity()) return;
  clearAnswer();
  const sent = { fields: fields(), pictures: [...pictures()], at: new Date() };
  const form = new FormData();
  for (const { file } of sent.pictures) form.append("image", file);
  for (const [name, value] of Object.entries(sent.fields)) form.append(name, value);
  form.append("stream", "true");

  const mine = new AbortController();
  work = mine;
  $("go").disabled = true;
  $("before").hidden = true;
  $("panel").setAttribute("aria-busy", "true");
  const live = liveView(sent.pictures.length);
  focusOn($("working-title"));
  let done = null;
  let problem = null;
  try {
    done = await ask(form, $("key").value, mine.signal, live.on);
    showAnswer(done, sent);
  } catch (error) {
    if (error.name !== "AbortError") problem = error instanceof Problem ? error : new Problem("broken");
  }
  if (work === mine) work = null;
  const focusWasHere = $("panel").contains(document.activeElement) || document.activeElement === document.body;
  live.stop();
  $("go").disabled = false;
  $("panel").setAttribute("aria-busy", "false");
  live.say(done ? `The answer is ready: ${done.abstained ? "no answer" : done.diagnosis}.` : problem ? "" : "Cancelled.");
  if (problem) {
    $("answer").replaceChildren();
    endCountdown = showProblem($("problem"), problem, send);
    if (problem.status === 401) $("keybox").hidden = false;
  } else if (!done) $("before").hidden = false;
  if (!focusWasHere) return;
  if (problem?.status === 401) $("key").focus();
  else if (done || problem) focusOn(done ? $("answer").querySelector(".result") : $("panel"));
  else $("go").focus();
}

// Move there, with the panel's head, which holds the warnings, at the top of the window.
function focusOn(element) {
  element.focus({ preventScroll: true });
  $("panel").scrollIntoView({ block: "start" });
}

function describeSkin() {
  $("type-text").textContent = SKIN_TYPES[new FormData($("form")).get("skin_type")];
}

// Ask whether the server is ready, then which models it offers and whether it wants a key.
async function watch() {
  const state = (words, ready) => {
    if ($("state").textContent !== words) $("state").textContent = words;
    $("light").classList.toggle("on", ready);
  };
  try {
    const response = await fetch("/readyz");
    const said = await response.json();
    if (!response.ok) throw new Error(said.reason ?? "The server is not ready");
    state(`${said.model} is ready`, true);
    await offerModels();
  } catch (error) {
    state(error instanceof TypeError ? "The server does not answer" : error.message, false);
    setTimeout(watch, 2000);
  }
}

async function offerModels() {
  const response = await fetch("/v1/models", { headers: headers($("key").value) });
  $("keybox").hidden = response.status !== 401 && !$("key").value;
  if (!response.ok) return;
  const { data } = await response.json();
  $("modelbox").hidden = data.length < 2;
  $("model").replaceChildren(...data.map(({ id }) => el("option", {}, id)));
}

$("form").addEventListener("submit", send);
$("form").addEventListener("change", describeSkin);
$("key").addEventListener("change", offerModels);
$("cancel").addEventListener("click", () => work?.abort());
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !$("camera-box").open) work?.abort(); });
watchPictures(clearAnswer, () => work !== null);
describeSkin();
watch();

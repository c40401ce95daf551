// The page: choose a picture, ask /v1/diagnose, show the answer. Text from the model is only ever set as text.
const $ = (id) => document.getElementById(id);
let file = null;
let busy = false;

const headers = () => ($("key").value ? { Authorization: `Bearer ${$("key").value}` } : {});

function choose(chosen) {
  if (!chosen || busy) return;
  file = chosen;
  $("result").hidden = true; // an answer never stands beside another picture
  $("error").hidden = true;
  $("empty").hidden = false;
  URL.revokeObjectURL($("preview").src);
  $("preview").src = URL.createObjectURL(chosen);
  $("preview").hidden = false;
  $("hint").hidden = true;
  $("go").disabled = false;
}

function fill(list, items, none) {
  list.replaceChildren(...(items.length ? items : [none]).map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
}

function showTriage(triage) {
  const box = $("triage");
  box.className = `alert ${triage.level}`;
  const title = document.createElement("strong");
  title.textContent = triage.advice;
  const why = document.createElement("ul");
  if (triage.flags.length) fill(why, triage.flags.map((flag) => flag.reason), "");
  box.replaceChildren(title, why);
}

function show(answer) {
  showTriage(answer.triage);
  $("abstained").hidden = !answer.abstained;
  $("reading").hidden = answer.abstained;
  $("reason").textContent = answer.reason ?? "";
  if (!answer.abstained) {
    $("diagnosis").textContent = answer.diagnosis;
    $("malignancy").textContent = answer.malignancy;
    $("malignancy").className = `badge ${answer.malignancy}`;
    $("path").textContent = answer.resolved.path.length
      ? answer.resolved.path.map((slug) => slug.replaceAll("-", " ")).join(" › ")
      : "This name is not in the ontology.";
    fill($("findings"), answer.findings, "none named");
    fill($("differential"), answer.differential, "none named");
    $("rationale").textContent = answer.rationale;
  }
  $("disclaimer").textContent = answer.disclaimer;
  $("versions").replaceChildren(...Object.entries(answer.versions).flatMap(([name, value]) => {
    const term = document.createElement("dt");
    const text = document.createElement("dd");
    term.textContent = name;
    text.textContent = value;
    return [term, text];
  }));
  $("result").hidden = false;
}

async function ask(event) {
  event.preventDefault();
  if (!file || busy) return;
  busy = true;
  $("go").disabled = true;
  $("go").textContent = "Reading the picture…";
  $("answer").setAttribute("aria-busy", "true");
  for (const id of ["empty", "error", "result"]) $(id).hidden = true;
  try {
    const form = new FormData();
    form.append("image", file);
    form.append("modality", $("modality").value);
    form.append("history", $("history").value);
    const response = await fetch("/v1/diagnose", { method: "POST", body: form, headers: headers() });
    const answer = await response.json();
    if (response.status === 401) $("keybox").hidden = false;
    if (!response.ok) throw new Error(answer.error.message);
    show(answer);
  } catch (error) {
    $("error").textContent = `No answer: ${error.message}`;
    $("error").hidden = false;
  } finally {
    busy = false;
    $("go").disabled = false;
    $("go").textContent = "Diagnose";
    $("answer").setAttribute("aria-busy", "false");
    $("answer").focus();
  }
}

async function watch() {
  try {
    const response = await fetch("/readyz");
    const state = await response.json();
    $("state").textContent = response.ok ? "is ready" : state.reason;
    if (response.ok) {
      $("model").textContent = state.model;
      if ((await fetch("/v1/models", { headers: headers() })).status === 401) $("keybox").hidden = false;
      return;
    }
  } catch {
    $("state").textContent = "the server does not answer";
  }
  setTimeout(watch, 2000);
}

$("form").addEventListener("submit", ask);
$("image").addEventListener("change", () => choose($("image").files[0]));
for (const kind of ["dragenter", "dragover"]) {
  $("drop").addEventListener(kind, (event) => { event.preventDefault(); $("drop").classList.add("over"); });
}
for (const kind of ["dragleave", "drop"]) {
  $("drop").addEventListener(kind, (event) => { event.preventDefault(); $("drop").classList.remove("over"); });
}
$("drop").addEventListener("drop", (event) => choose(event.dataTransfer.files[0]));
document.addEventListener("paste", (event) => choose(event.clipboardData.files[0]));
watch();

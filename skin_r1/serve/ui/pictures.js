// The chosen pictures: choose, drop, paste or camera; previews that can be moved and removed.
import { $, el, icon } from "./dom.js";
import { takePicture } from "./camera.js";

export const MOST = 4;
const KINDS = ["image/jpeg", "image/png", "image/webp"];
let chosen = []; // {file, url}
let changed = () => {};

export const pictures = () => chosen;

function add(files) {
  const notes = [];
  for (const file of files) {
    if (!KINDS.includes(file.type)) notes.push(`${file.name} is not a JPEG, PNG or WebP picture.`);
    else if (chosen.length === MOST) notes.push(`At most ${MOST} pictures: ${file.name} was left out.`);
    else chosen.push({ file, url: URL.createObjectURL(file) });
  }
  $("pictures-note").textContent = notes.join(" ");
  draw();
}

export function clearPictures() {
  for (const { url } of chosen) URL.revokeObjectURL(url);
  chosen = [];
  $("pictures-note").textContent = "";
  draw();
}

function remove(index) {
  URL.revokeObjectURL(chosen[index].url);
  chosen.splice(index, 1);
  $("pictures-note").textContent = `Picture ${index + 1} removed; ${chosen.length} left.`;
  draw();
  (button(Math.min(index, chosen.length - 1), "remove") ?? $("files")).focus();
}

function move(index, by) {
  chosen.splice(index + by, 0, ...chosen.splice(index, 1));
  $("pictures-note").textContent = `Picture ${index + 1} is now picture ${index + 1 + by}.`;
  draw();
  const same = button(index + by, by < 0 ? "left" : "right");
  (same.disabled ? button(index + by, by < 0 ? "right" : "left") : same).focus();
}

const button = (index, name) => $("pictures").children[index]?.querySelector(`.${name}`);

function tool(name, text, action, disabled) {
  const made = el("button", { type: "button", class: name, title: text, "aria-label": text, onclick: action }, icon(name));
  made.disabled = disabled;
  return made;
}

function draw() {
  $("pictures").replaceChildren(...chosen.map(({ file, url }, index) => {
    const number = index + 1;
    const tools = [tool("remove", `Remove picture ${number}`, () => remove(index), false)];
    if (chosen.length > 1) {
      tools.unshift(
        tool("left", `Move picture ${number} earlier`, () => move(index, -1), index === 0),
        tool("right", `Move picture ${number} later`, () => move(index, 1), number === chosen.length),
      );
    }
    const image = el("img", { src: url, alt: `Picture ${number}: ${file.name}` });
    return el("li", {}, image, el("div", { class: "tools" }, ...tools));
  }));
  $("drop").classList.toggle("small", chosen.length > 0);
  changed();
}

// `onchange` is called after every change; `locked()` tells whether pictures may not change now.
export function watchPictures(onchange, locked) {
  changed = onchange;
  const take = (files) => { if (!locked() && files?.length) add(files); };
  for (const id of ["files", "capture"]) {
    $(id).addEventListener("change", () => {
      take([...$(id).files]);
      $(id).value = ""; // so that the same file can be chosen again
    });
  }
  $("camera").addEventListener("click", async () => {
    // A phone's own camera focuses better than a page can; elsewhere the page shows the camera itself.
    if (matchMedia("(pointer: coarse)").matches || !navigator.mediaDevices) $("capture").click();
    else take(await takePicture());
  });
  document.addEventListener("paste", (event) => take([...event.clipboardData.files]));
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => { // all over the page: a missed drop would open the file instead
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      $("drop").classList.toggle("over", kind === "dragover");
      if (kind === "drop") take([...event.dataTransfer.files]);
    });
  }
}

// The camera of a computer, in a dialog. The stream is shown and one frame is kept; nothing is recorded.
import { $ } from "./dom.js";

const HIGH = { video: { facingMode: "environment", width: { ideal: 2048 } } };

// Gives a list with one JPEG file, or an empty one if the dialog was closed. The camera is off afterwards, also where
// it is only allowed after the dialog was closed.
export async function takePicture() {
  const box = $("camera-box");
  const video = $("video");
  let wanted = true;
  $("camera-note").textContent = "Waiting for the camera";
  $("shoot").disabled = true;
  box.returnValue = "";
  box.showModal();
  const asked = navigator.mediaDevices.getUserMedia(HIGH);
  asked.then(async (stream) => {
    if (!wanted) return;
    video.srcObject = stream;
    await video.play();
    $("camera-note").textContent = "Hold the spot close and still.";
    $("shoot").disabled = false;
  }).catch(() => {
    if (wanted) $("camera-note").textContent = "The camera cannot be used: none was found, or the browser may not use it.";
  });
  await new Promise((done) => box.addEventListener("close", done, { once: true }));
  wanted = false;
  const canvas = box.returnValue === "shot" ? frame(video) : null;
  video.srcObject = null;
  asked.then((stream) => stream.getTracks().forEach((track) => track.stop()), () => {});
  if (!canvas) return [];
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  return [new File([blob], "camera.jpg", { type: "image/jpeg" })];
}

function frame(video) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  return canvas;
}

$("shoot").addEventListener("click", () => $("camera-box").close("shot"));
$("camera-close").addEventListener("click", () => $("camera-box").close(""));

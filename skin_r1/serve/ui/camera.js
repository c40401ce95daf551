// The camera of a computer, in a dialog. The stream is shown and one frame is kept; nothing is recorded.
import { $ } from "./dom.js";

// Gives a list with one JPEG file, or an empty one if the dialog was closed.
export async function takePicture() {
  const box = $("camera-box");
  const video = $("video");
  let stream = null;
  $("camera-note").textContent = "Waiting for the camera";
  $("shoot").disabled = true;
  box.showModal();
  const closed = new Promise((done) => box.addEventListener("close", done, { once: true }));
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 2048 } } });
    video.srcObject = stream;
    await video.play();
    $("camera-note").textContent = "Hold the spot close and still.";
    $("shoot").disabled = false;
  } catch {
    $("camera-note").textContent = "The camera cannot be used: none was found, or the browser may not use it.";
  }
  await closed;
  const files = box.returnValue === "shot" && stream ? [await frame(video)] : [];
  for (const track of stream?.getTracks() ?? []) track.stop();
  video.srcObject = null;
  return files;
}

async function frame(video) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  return new File([blob], "camera.jpg", { type: "image/jpeg" });
}

$("shoot").addEventListener("click", () => $("camera-box").close("shot"));
$("camera-close").addEventListener("click", () => $("camera-box").close(""));
$("camera-box").addEventListener("cancel", () => { $("camera-box").returnValue = ""; }); // Escape

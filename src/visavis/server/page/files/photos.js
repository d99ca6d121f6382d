// Photos: read from files, shown upright in a canvas, and encoded for a request.

import { faultOf, MIN_SIDE } from "./troubles.js";

const SHOWN_SIDE = 1600; // pixels; a larger photo is made smaller to show it, and is sent as it is

let photos = 0;

/** A file that cannot be used, with the reason in words. */
export class UnusablePhoto extends Error {}

/**
 * Read a file as a photo: {id, name, blob, width, height, canvas}.
 *
 * The canvas shows the photo upright, as the server sees it, at most 1600 pixels wide or high.
 */
export async function readPhoto(blob, name) {
  const fault = faultOf(blob, new Uint8Array(await blob.slice(0, 16).arrayBuffer()));
  if (fault) throw new UnusablePhoto(fault);
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  try {
    await image.decode();
    const { naturalWidth: width, naturalHeight: height } = image;
    if (Math.min(width, height) < MIN_SIDE) {
      throw new UnusablePhoto(`This photo has ${width} × ${height} pixels; the service needs at least ${MIN_SIDE} on either side. Choose a larger one.`);
    }
    return { id: ++photos, name, blob, width, height, canvas: drawn(image, width, height) };
  } catch (error) {
    if (error instanceof UnusablePhoto) throw error;
    throw new UnusablePhoto("This photo is damaged or cut short. Choose another copy of it.");
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

function drawn(image, width, height) {
  const share = Math.min(1, SHOWN_SIDE / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * share));
  canvas.height = Math.max(1, Math.round(height * share));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** The bytes of a photo in base64, as a request contains them. */
export function base64(photo) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new UnusablePhoto(`${photo.name} can no longer be read. Choose it again.`));
    reader.readAsDataURL(photo.blob);
  });
}

/** Draw a face and a margin around it into a square canvas. box: a BoundingBox. */
export function crop(photo, box, canvas) {
  const { width, height } = photo.canvas;
  const side = 1.3 * Math.max(box.Width * width, box.Height * height, 1);
  const left = (box.Left + box.Width / 2) * width - side / 2;
  const top = (box.Top + box.Height / 2) * height - side / 2;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(photo.canvas, left, top, side, side, 0, 0, canvas.width, canvas.height);
}

/** Let a person photograph with the camera: resolves to a JPEG blob, or null if they cancel. */
export async function photograph(dialog) {
  const video = dialog.querySelector("video");
  const trouble = dialog.querySelector(".notice");
  const shoot = dialog.querySelector(".shoot");
  let stream = null;
  trouble.hidden = true;
  shoot.disabled = true;
  const closed = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  dialog.returnValue = "";
  dialog.showModal();
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1920 } }, audio: false });
    video.srcObject = stream;
    await video.play();
    shoot.disabled = false;
    shoot.focus();
  } catch (error) {
    trouble.hidden = false;
    trouble.textContent =
      error.name === "NotAllowedError"
        ? "The browser may not use the camera. Allow it for this page, or choose a file."
        : "No camera was found. Connect one, or choose a file.";
  }
  await closed;
  const taken = dialog.returnValue === "shoot" && stream ? await frameOf(video) : null;
  stream?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
  return taken;
}

function frameOf(video) {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
}

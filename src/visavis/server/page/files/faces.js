// The list of the target's faces and the details of one face, in words.

import { crop } from "./photos.js";
import { meaningOf, shown } from "./scale.js";

const VERDICTS = { match: "Match", review: "Review", other: "No match" };

/** A new HTML element with a class and children. */
export function element(name, className = "", ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function thumbnail(photo, box, side) {
  const canvas = element("canvas", "thumb");
  canvas.width = canvas.height = 2 * side; // for screens of double density
  crop(photo, box, canvas);
  return canvas;
}

/** A row of the list. face: {number, box, best, similarities, key}; scale: of the page. */
export function row(face, photo, scale) {
  const item = element("li");
  item.id = `face-${face.number}`;
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", "false");
  item.tabIndex = -1;
  item.dataset.key = face.key;
  const fill = element("span", "fill");
  fill.style.width = `${face.best}%`;
  const similarity = element("span", "similarity", shown(face.best));
  const several = face.similarities.length > 1
    ? [element("span", "by-source", face.similarities.map((s, i) => `S${i + 1} ${s === null ? "–" : shown(s)}`).join(" · "))]
    : [];
  item.append(
    element("span", "number", String(face.number)),
    thumbnail(photo, face.box, 44),
    element("span", "facts",
      element("span", "top", similarity, element("span", "verdict")),
      element("span", "bar", fill, element("span", "mark")),
      element("span", "meaning", meaningOf(scale, face.best)), ...several),
  );
  return item;
}

/** Write the verdict into a row, if it is another one. */
export function setVerdict(item, verdict) {
  if (item.dataset.verdict === verdict) return;
  item.dataset.verdict = verdict;
  item.querySelector(".verdict").textContent = VERDICTS[verdict];
}

/** Why a face is hard to compare, in words; empty for a good face. photo: of the face. */
export function reasonsOf(face, photo) {
  const reasons = [];
  const { Pose: pose, Quality: quality, Landmarks: landmarks = [], Confidence: confidence } = face;
  // Amazon's guidance names yaw -45 to 45 and pitch -30 to 45 degrees for comparisons.
  if (pose && Math.abs(pose.Yaw) > 45) reasons.push(`turned ${Math.abs(pose.Yaw).toFixed(0)}° aside`);
  if (pose && (pose.Pitch > 45 || pose.Pitch < -30)) reasons.push(pose.Pitch > 0 ? "looks far up" : "looks far down");
  const [left, right] = ["eyeLeft", "eyeRight"].map((type) => landmarks.find((landmark) => landmark.Type === type));
  if (left && right) {
    const distance = Math.hypot((left.X - right.X) * photo.width, (left.Y - right.Y) * photo.height);
    if (distance < 20) reasons.push(`small: ${distance.toFixed(0)} pixels between the eyes`);
  }
  if (quality && quality.Brightness < 10) reasons.push("dark");
  if (quality && quality.Sharpness < 10) reasons.push("blurred");
  if (confidence < 90) reasons.push("perhaps no face");
  if (face.FaceOccluded?.Value) reasons.push("partly covered");
  return reasons;
}

/** The details of a face. known: {face: as in a response, photo, similarity or null, by: similarities to each source}. */
export function details({ face, photo, similarity, by }, scale) {
  const box = face.BoundingBox;
  const facts = element("dl");
  const fact = (name, ...values) => facts.append(element("dt", "", name), element("dd", "", ...values));
  if (similarity !== null) fact("Similarity", element("strong", "", shown(similarity)), ` ${meaningOf(scale, similarity)}`);
  if (by.length > 1) fact("To each source", by.map((s, i) => `S${i + 1} ${s === null ? "–" : shown(s)}`).join(", "));
  fact("Size", `${Math.round(box.Width * photo.width)} × ${Math.round(box.Height * photo.height)} pixels`);
  if (face.Confidence !== null) fact("Confidence", `${shown(face.Confidence)} of 100 that it is a face`);
  if (face.Pose) {
    const degrees = (value) => `${Math.round(value) || 0}°`.replace("-", "−");
    fact("Pose", `roll ${degrees(face.Pose.Roll)}, yaw ${degrees(face.Pose.Yaw)}, pitch ${degrees(face.Pose.Pitch)}`);
  }
  if (face.Quality) {
    const reasons = reasonsOf(face, photo);
    fact("Quality",
      `brightness ${face.Quality.Brightness.toFixed(0)}, sharpness ${face.Quality.Sharpness.toFixed(0)} of 100`,
      element("span", "reasons", reasons.length ? reasons.join("; ") : "nothing against it"));
  }
  if (face.Emotions?.length) {
    const bars = face.Emotions.slice(0, 3).map(({ Type, Confidence }) => {
      const fill = element("span", "fill");
      fill.style.width = `${Confidence}%`;
      return element("span", "emotion", element("span", "", Type.toLowerCase()), element("span", "bar", fill), element("span", "percent", `${Confidence.toFixed(0)} %`));
    });
    fact("Expression", ...bars);
  }
  if (!face.Pose) facts.append(element("dt", "", "More"), element("dd", "", "The server sent no more about this face."));
  return [thumbnail(photo, box, 110), facts];
}

// The answer at a threshold: verdicts, boxes, lines, dots, the list and the details of the current face.

import { drawAxis, drawDots, drawFaces, drawLines, MARKS, shape } from "./drawing.js";
import { details, element, row, setVerdict } from "./faces.js";
import { effectOf } from "./scale.js";

const DEFAULT_THRESHOLD = 80; // of CompareFaces
const SAID_AFTER = 400; // milliseconds of rest before a screen reader hears the new counts

const $ = (selector) => document.querySelector(selector);
const clamped = (value) => Math.min(100, Math.max(0, Number(value) || 0));

/** Shows one answer. It never asks the server. */
export class Result {
  threshold = DEFAULT_THRESHOLD;
  #scale;
  #changed;
  #answer = null;
  #target = null;
  #overlays = new WeakMap(); // photo -> SVG
  #described = new WeakMap(); // photo -> its FaceDetail, of a source
  #verdicts = new Map(); // key -> verdict
  #rows = new Map(); // key -> row of the list
  #drawn = new Map(); // key -> its box and its dot
  #current = null;
  #frame = 0;
  #saying = 0;

  /** scale: the points of the scale; changed: called after the threshold has another value. */
  constructor(scale, changed) {
    this.#scale = scale;
    this.#changed = changed;
    drawAxis($("#axis"), scale.filter(([similarity]) => similarity <= 99));
    $("#threshold").addEventListener("input", ({ target }) => this.#setThreshold(target.value));
    $("#threshold-number").addEventListener("change", ({ target }) => this.#setThreshold(target.value));
    for (const id of ["#review", "#review-low", "#review-high"]) $(id).addEventListener("input", () => this.#soon());
    $("#landmarks").addEventListener("input", ({ target }) => $("#stage").classList.toggle("with-landmarks", target.checked));
    for (const type of ["pointerover", "focusin", "click"]) {
      document.addEventListener(type, ({ target }) => this.#choose(target.closest?.("[data-key]")?.dataset.key));
    }
    $("#faces").addEventListener("keydown", (event) => this.#step(event));
    new ResizeObserver(() => this.#layout()).observe($("#stage"));
  }

  /** The SVG over a photo. */
  overlayOf(photo) {
    if (!this.#overlays.has(photo)) this.#overlays.set(photo, shape("svg", { class: "overlay", "aria-hidden": "true" }));
    return this.#overlays.get(photo);
  }

  /** Forget the answer. */
  clear() {
    for (const overlay of document.querySelectorAll(".overlay, #lines")) overlay.replaceChildren();
    this.#answer = null;
    this.#current = null;
    this.#verdicts.clear();
    this.#drawn.clear();
  }

  /** Show an answer of `compareAll` about a target. */
  show(answer, target) {
    this.#answer = answer;
    this.#target = target;
    this.#rows = new Map(answer.faces.map((face) => [face.key, row(face, target, this.#scale)]));
    $("#faces").replaceChildren(...this.#rows.values());
    $("#faces-title").textContent = answer.faces.length === 1 ? "One face in the target" : `${answer.faces.length} faces in the target`;
    this.#verdicts.clear();
    this.#apply();
    this.#layout();
    if (answer.faces.length) this.#choose(answer.faces[0].key);
  }

  /** Add what DetectFaces says about the face of a source. */
  describeSource(source, face) {
    this.#described.set(source, face);
    this.#layout();
    if (this.#current?.startsWith("s")) this.#describe();
  }

  #setThreshold(value) {
    this.threshold = Math.round(clamped(value) * 10) / 10;
    this.#soon();
  }

  /** Apply the threshold in the next frame, once for several events. */
  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#apply();
      this.#changed();
    });
  }

  #verdictOf({ best }) {
    if ($("#review").checked && best >= clamped($("#review-low").value) && best <= clamped($("#review-high").value)) return "review";
    return best >= Math.fround(this.threshold) ? "match" : "other";
  }

  #apply() {
    $("#threshold").value = this.threshold;
    $("#threshold").setAttribute("aria-valuetext", String(this.threshold));
    $("#threshold-number").value = this.threshold.toFixed(1);
    $("#threshold-words").textContent = effectOf(this.#scale, this.threshold, this.#answer?.answers.length ?? 1);
    this.#showBand();
    if (!this.#answer) return;
    $("#faces").style.setProperty("--threshold", `${this.threshold}%`);
    const changed = this.#answer.faces.filter((face) => this.#verdicts.get(face.key) !== this.#verdictOf(face));
    for (const face of changed) this.#setVerdict(face, this.#verdictOf(face));
    if (changed.length) this.#drawLines();
    const below = this.#answer.faces.find(({ best }) => best < Math.fround(this.threshold));
    for (const [faceKey, item] of this.#rows) item.classList.toggle("first-below", faceKey === below?.key);
    this.#say();
  }

  #setVerdict(face, verdict) {
    this.#verdicts.set(face.key, verdict);
    setVerdict(this.#rows.get(face.key), verdict);
    for (const drawn of this.#drawn.get(face.key) ?? []) {
      drawn.classList.remove("match", "review", "other");
      drawn.classList.add(verdict);
      const text = drawn.querySelector(".badge-text");
      if (text) text.textContent = badge(face.number, verdict);
    }
  }

  #showBand() {
    const on = $("#review").checked;
    const [low, high] = ["#review-low", "#review-high"].map((id) => clamped($(id).value));
    for (const id of ["#review-low", "#review-high"]) $(id).disabled = !on;
    const band = $("#axis .band");
    band.setAttribute("x", `${low}%`);
    band.setAttribute("width", on && high > low ? `${high - low}%` : 0);
  }

  #say() {
    const counts = { match: 0, review: 0, other: 0 };
    for (const verdict of this.#verdicts.values()) counts[verdict] += 1;
    const parts = [`${counts.match} ${counts.match === 1 ? "match" : "matches"}`];
    if (counts.review) parts.push(`${counts.review} to review`);
    parts.push(`${counts.other} without a match`);
    const text = this.#answer.faces.length ? `${parts.join(", ")}.` : "No face of the target passes the quality filter.";
    clearTimeout(this.#saying);
    this.#saying = setTimeout(() => ($("#status").textContent = text), $("#status").textContent.endsWith("…") ? 0 : SAID_AFTER);
  }

  /** Draw everything that depends on the size of the photos on the screen. */
  #layout() {
    if (!this.#answer) return;
    const { answers, faces } = this.#answer;
    const several = answers.length > 1;
    answers.forEach(({ source, box }, i) => {
      const landmarks = this.#described.get(source)?.Landmarks;
      this.#drawOn(source, [{ box, landmarks, verdict: "source", number: i + 1, badge: several ? `S${i + 1}` : "S", key: `s${i + 1}` }]);
    });
    this.#drawOn(this.#target, faces.map((face) => {
      const verdict = this.#verdicts.get(face.key);
      return { box: face.box, landmarks: face.face.Landmarks, verdict, number: face.number, badge: badge(face.number, verdict), key: face.key };
    }));
    drawDots($("#axis"), faces.map(({ best, key }) => ({ similarity: best, verdict: this.#verdicts.get(key), key })));
    for (const { key } of faces) this.#drawn.set(key, document.querySelectorAll(`.face[data-key="${key}"], .dot[data-key="${key}"]`));
    this.#drawLines();
    this.#highlight();
  }

  #drawOn(photo, faces) {
    const { clientWidth, clientHeight } = photo.canvas;
    if (clientWidth) drawFaces(this.overlayOf(photo), clientWidth, clientHeight, faces);
  }

  #drawLines() {
    const { answers, faces } = this.#answer;
    const boxOn = (photo, box) => {
      const { x, y, width, height } = photo.canvas.getBoundingClientRect();
      return { x: x + box.Left * width, y: y + box.Top * height, width: box.Width * width, height: box.Height * height };
    };
    const from = answers.map(({ source, box }) => boxOn(source, box));
    const to = new Map(faces.map(({ key, box }) => [key, boxOn(this.#target, box)]));
    const isFound = (similarity) => similarity !== null && this.#verdictOf({ best: similarity }) !== "other";
    const pairs = faces.flatMap(({ key, similarities }) =>
      from
        .filter((_, i) => isFound(similarities[i]))
        .map((rectangle) => ({ from: rectangle, to: to.get(key), verdict: this.#verdicts.get(key), key })),
    );
    drawLines($("#lines"), $("#stage").getBoundingClientRect(), pairs, [...from, ...to.values()]);
  }

  // The current face: under the pointer or the focus

  #choose(faceKey) {
    if (!faceKey || faceKey === this.#current || !this.#answer) return;
    this.#current = faceKey;
    this.#highlight();
    this.#describe();
  }

  #highlight() {
    for (const drawn of document.querySelectorAll("[data-key].current")) drawn.classList.remove("current");
    for (const drawn of document.querySelectorAll(`[data-key="${this.#current}"]`)) drawn.classList.add("current");
    for (const [faceKey, item] of this.#rows) {
      item.ariaSelected = String(faceKey === this.#current);
      item.tabIndex = faceKey === this.#current ? 0 : -1;
    }
    if (!this.#rows.has(this.#current) && this.#rows.size) this.#rows.values().next().value.tabIndex = 0;
  }

  #describe() {
    const { answers, faces } = this.#answer;
    const number = Number(this.#current.slice(1));
    const isSource = this.#current.startsWith("s");
    const source = isSource ? answers[number - 1] : null;
    const face = isSource ? null : faces[number - 1];
    $("#details-title").textContent = isSource ? `Source${answers.length > 1 ? ` S${number}` : ""}` : `Face ${number}`;
    const known = isSource
      ? { photo: source.source, face: this.#described.get(source.source) ?? { BoundingBox: source.box, Confidence: null }, similarity: null, by: [] }
      : { photo: this.#target, face: face.face, similarity: face.best, by: face.similarities };
    $("#details-body").replaceChildren(...details(known, this.#scale));
  }

  /** Move along the list with the keyboard. */
  #step(event) {
    const items = [...this.#rows.values()];
    const at = items.indexOf(event.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    items[Math.min(items.length - 1, Math.max(0, to))]?.focus();
  }
}

const badge = (number, verdict) => `${number} ${MARKS[verdict]}`;

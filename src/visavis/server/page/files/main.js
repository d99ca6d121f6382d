// The page: takes photos, asks once at threshold 0, and shows the answer at any threshold without asking again.

import { endpoint, ServiceError } from "./client.js";
import { compareAll, detailsOf, faceAt, PhotoTrouble } from "./comparing.js";
import { element } from "./faces.js";
import { photograph, readPhoto, UnusablePhoto } from "./photos.js";
import { Result } from "./result.js";
import { canSign } from "./sigv4.js";
import { indented, snippets } from "./snippets.js";
import { isAboutKey, wordsFor } from "./troubles.js";

const MOST_SOURCES = 10;

const $ = (selector) => document.querySelector(selector);
const config = JSON.parse($('meta[name="visavis"]').content);
const photos = { source: [], target: [] };
const result = new Result(config.scale, showCode);
let key = null;
let running = new AbortController();
let answer = null;

// Photos

async function take(role, files) {
  const troubles = $(`#${role} .troubles`);
  troubles.replaceChildren();
  const usable = [];
  for (const file of files) {
    const name = file.name || "photo.jpg";
    try {
      usable.push(await readPhoto(file, name));
    } catch (error) {
      if (!(error instanceof UnusablePhoto)) throw error;
      troubles.append(notice(`${name}: ${error.message}`));
    }
  }
  if (!usable.length) return;
  photos[role] = role === "target" ? usable.slice(-1) : [...photos.source, ...usable].slice(-MOST_SOURCES);
  showPhotos(role);
  await compare();
}

function showPhotos(role) {
  const figures = photos[role].map((photo, i) => {
    const label = role === "target" ? "" : `S${photos.source.length > 1 ? i + 1 : ""} `;
    const remove = element("button", "remove", "×");
    remove.type = "button";
    remove.ariaLabel = `Remove ${photo.name}`;
    remove.addEventListener("click", () => {
      photos[role] = photos[role].filter((other) => other !== photo);
      showPhotos(role);
      $(`#${role} .choose`).focus();
      compare();
    });
    photo.canvas.role = "img";
    photo.canvas.ariaLabel = photo.name;
    const caption = element("figcaption", "", element("span", "name", `${label}${photo.name}`), element("span", "size", `${photo.width} × ${photo.height}`), remove);
    const figure = element("figure", "", element("div", "frame", photo.canvas, result.overlayOf(photo)), caption);
    return figure;
  });
  $(`#${role} .photos`).replaceChildren(...figures);
  $(`#${role}`).classList.toggle("filled", figures.length > 0);
}

const notice = (...content) => element("p", "notice", ...content);

// The comparison

async function compare() {
  running.abort();
  const mine = (running = new AbortController());
  answer = null;
  $("#trouble").replaceChildren();
  $("#result").hidden = true;
  result.clear();
  const { source: sources, target: [target] } = photos;
  if (!sources.length || !target) {
    say(sources.length || target ? `Now the ${target ? "source" : "target"}.` : "");
    return;
  }
  if (config.verifies && !key) {
    askKey();
    return;
  }
  say("Comparing…");
  $("#stage").ariaBusy = "true";
  const options = { key, signal: mine.signal };
  try {
    const found = await compareAll(sources, target, $("#filter").value, options);
    if (mine.signal.aborted) return;
    for (const trouble of found.troubles) showTrouble(trouble);
    if (found.answers.length) {
      show(found, target);
      await showSources(found, options);
    } else {
      say("");
    }
  } catch (error) {
    if (!mine.signal.aborted) showTrouble(error);
  } finally {
    if (running === mine) $("#stage").ariaBusy = "false";
  }
}

function show(found, target) {
  answer = found;
  $("#result").hidden = false;
  result.show(found, target);
  showCode();
}

async function showSources({ answers }, options) {
  for (const { source, box } of answers) {
    const faces = await detailsOf(source, options);
    if (options.signal.aborted) return;
    if (faces?.length) result.describeSource(source, faceAt(box, faces));
  }
}

function showTrouble(error) {
  if (error instanceof PhotoTrouble) {
    const role = photos.target.includes(error.photo) ? "target" : "source";
    $(`#${role} .troubles`).replaceChildren(notice(`${error.photo.name}: ${error.message}`));
    say("");
  } else if (error instanceof ServiceError && config.verifies && isAboutKey(error)) {
    say("");
    askKey(wordsFor(error));
  } else if (error instanceof ServiceError || error instanceof UnusablePhoto) {
    const again = element("button", "", "Try again");
    again.type = "button";
    again.addEventListener("click", compare);
    $("#trouble").replaceChildren(notice(error instanceof ServiceError ? wordsFor(error) : error.message, " ", again));
    say("");
  } else {
    throw error;
  }
}

const say = (text) => {
  $("#status").textContent = text;
};

// Code to copy

const tabs = [...document.querySelectorAll("[role=tab]")];
let tab = "boto3";

function showCode() {
  if (!answer) return;
  const request = {
    source: answer.answers[0].source.name,
    target: photos.target[0].name,
    threshold: result.threshold,
    filter: $("#filter").value,
  };
  const server = { url: String(endpoint), region: key?.region ?? config.region, verifies: config.verifies, temporary: Boolean(key?.token) };
  const several = answer.answers.length > 1 ? " It has the first source; each further one is a request of its own." : "";
  const isAnswer = tab === "json";
  $("#code-text").textContent = isAnswer ? indented(answer.answers[0].text) : snippets(request, server)[tab];
  $("#code-note").textContent = isAnswer
    ? `As the server sent it to this page, which asks with SimilarityThreshold 0.${several}`
    : `Run it where the photos are.${server.verifies ? " The key comes from your AWS configuration or the environment." : ""}${several}`;
}

function chooseTab(chosen, focus = true) {
  tab = chosen.id.replace("tab-", "");
  for (const other of tabs) {
    other.ariaSelected = String(other === chosen);
    other.tabIndex = other === chosen ? 0 : -1;
  }
  $("#code-panel").setAttribute("aria-labelledby", chosen.id);
  if (focus) chosen.focus();
  showCode();
}

tabs.forEach((button, i) => {
  button.addEventListener("click", () => chooseTab(button));
  button.addEventListener("keydown", ({ key: pressed }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[pressed];
    if (step) chooseTab(tabs[(i + step + tabs.length) % tabs.length]);
  });
});
chooseTab(tabs[0], false);

$("#copy").addEventListener("click", async ({ currentTarget: button }) => {
  try {
    await navigator.clipboard.writeText($("#code-text").textContent);
    button.textContent = "Copied";
  } catch {
    // Over plain http browsers give pages no clipboard.
    getSelection().selectAllChildren($("#code-text"));
    button.textContent = "Selected: press Ctrl C";
  }
  setTimeout(() => (button.textContent = "Copy"), 2000);
});

// The key

const keyDialog = $("#key-dialog");

function askKey(trouble = "") {
  const words = canSign() ? trouble : "Browsers sign only over https and on this machine. Open this page there.";
  $("#key-trouble").textContent = words;
  $("#key-trouble").hidden = !words;
  $("#key-region").value ||= config.region;
  if (!keyDialog.open) keyDialog.showModal();
}

keyDialog.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const value = (name) => $(`#key-${name}`).value.trim();
  key = { id: value("id"), secret: value("secret"), token: value("token"), region: value("region") };
  keyDialog.close();
  compare();
});

if (config.verifies) {
  $("#key-button").hidden = false;
  $("#key-button").addEventListener("click", () => askKey());
}
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.querySelector(".cancel").addEventListener("click", () => dialog.close());
}

// Ways in: choosing, the camera, dropping, pasting, examples

const cameraDialog = $("#camera-dialog");
cameraDialog.querySelector(".shoot").addEventListener("click", () => cameraDialog.close("shoot"));

for (const panel of document.querySelectorAll(".panel")) {
  const { role } = panel.dataset;
  const input = panel.querySelector("input");
  const camera = panel.querySelector(".camera");
  panel.querySelector(".choose").addEventListener("click", () => input.click());
  input.addEventListener("change", async () => {
    await take(role, [...input.files]);
    input.value = "";
  });
  // Browsers give the camera only to pages over https and on this machine. A phone's file chooser offers it anyway.
  camera.hidden = !navigator.mediaDevices?.getUserMedia;
  camera.addEventListener("click", async () => {
    const taken = await photograph(cameraDialog);
    if (taken) await take(role, [new File([taken], `${role}.jpg`, { type: taken.type })]);
  });
}

const firstEmpty = () => (photos.source.length && !photos.target.length ? "target" : "source");
const roleAt = (node) => node?.closest?.(".panel")?.dataset.role ?? firstEmpty();
const mark = (role) => document.querySelectorAll(".panel").forEach((panel) => panel.classList.toggle("over", panel.dataset.role === role));

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  mark(roleAt(event.target));
});
document.addEventListener("dragleave", (event) => event.relatedTarget ?? mark(null));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  mark(null);
  taken(roleAt(event.target), [...event.dataTransfer.files]);
});
document.addEventListener("paste", (event) => {
  if (event.target.closest?.("input, dialog")) return;
  taken(roleAt(document.activeElement), [...event.clipboardData.files]);
});

function taken(role, files) {
  if (files.length) take(role, files);
  else $(`#${role} .troubles`).replaceChildren(notice("There was no file in it. Save the picture as a file first, and choose it."));
}

for (const button of document.querySelectorAll("#examples button")) {
  button.addEventListener("click", async () => {
    const load = async (name) => {
      const response = await fetch(`page/${name}.jpg`);
      return readPhoto(await response.blob(), `${name}.jpg`);
    };
    running.abort();
    document.querySelectorAll(".troubles").forEach((troubles) => troubles.replaceChildren());
    photos.source = await Promise.all(button.dataset.sources.split(" ").map(load));
    photos.target = [await load(button.dataset.target)];
    showPhotos("source");
    showPhotos("target");
    await compare();
  });
}

$("#filter").addEventListener("change", compare);
$("#version").textContent = `visavis ${config.version}.`;

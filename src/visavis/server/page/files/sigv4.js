// Signature Version 4 with the browser's Web Crypto. The secret is used here and never sent.

const encoder = new TextEncoder();

const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");

const sha256 = async (bytes) => hex(await crypto.subtle.digest("SHA-256", bytes));

async function hmac(key, text) {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return crypto.subtle.sign("HMAC", imported, encoder.encode(text));
}

/** Whether this page may sign: browsers offer Web Crypto only over https and on this machine. */
export const canSign = () => Boolean(globalThis.crypto?.subtle);

/**
 * The headers of a signed POST.
 *
 * url: a URL; headers: by lower-case name, without host; body: bytes; key: {id, secret, token, region}; now: a Date.
 */
export async function signed(url, headers, body, key, now) {
  const time = now.toISOString().replace(/[-:]|\.\d{3}/g, "");
  const all = { ...headers, "x-amz-date": time };
  if (key.token) all["x-amz-security-token"] = key.token;
  const covered = { ...all, host: url.host };
  const names = Object.keys(covered).sort();
  // Every service but S3 signs the path encoded once more.
  const path = url.pathname.split("/").map(encodeURIComponent).join("/");
  const lines = names.map((name) => `${name}:${covered[name].trim()}`);
  const canonical = ["POST", path, "", ...lines, "", names.join(";"), await sha256(body)].join("\n");
  const scope = [time.slice(0, 8), key.region, "rekognition", "aws4_request"];
  const text = ["AWS4-HMAC-SHA256", time, scope.join("/"), await sha256(encoder.encode(canonical))].join("\n");
  let derived = encoder.encode(`AWS4${key.secret}`);
  for (const part of [...scope, text]) derived = await hmac(derived, part);
  const parameters = [`Credential=${key.id}/${scope.join("/")}`, `SignedHeaders=${names.join(";")}`];
  return { ...all, authorization: `AWS4-HMAC-SHA256 ${[...parameters, `Signature=${hex(derived)}`].join(", ")}` };
}

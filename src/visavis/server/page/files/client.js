// Sends requests to the server as any SDK does: AWS JSON 1.1, signed if there is a key.

import { signed } from "./sigv4.js";

/** The endpoint: the address of this page. It ends with a slash. */
export const endpoint = new URL(".", document.baseURI);

/** A response that is not 200, or no response at all (code "NoAnswer"). */
export class ServiceError extends Error {
  constructor(code, message, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

let clockAhead = 0; // milliseconds that this clock is ahead of the server's, as SDKs correct it

/**
 * Send an operation and return its response as text.
 *
 * members: the request's members; key: {id, secret, token, region} or null; signal: ends the request.
 */
export async function call(operation, members, { key, signal }) {
  const body = new TextEncoder().encode(JSON.stringify(members));
  const send = async () => {
    const headers = {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": `RekognitionService.${operation}`,
    };
    const all = key ? await signed(endpoint, headers, body, key, new Date(Date.now() - clockAhead)) : headers;
    const response = await fetch(endpoint, { method: "POST", headers: all, body, signal, credentials: "omit" });
    return { response, text: await response.text() };
  };
  let { response, text } = await answered(send);
  if (key && !response.ok && /Signature (expired|not yet current)/.test(text)) {
    clockAhead = Date.now() - Date.parse(response.headers.get("date"));
    ({ response, text } = await answered(send));
  }
  if (response.ok) return text;
  let found = {};
  try {
    found = JSON.parse(text);
  } catch {
    // A proxy in front of the server may answer with a page of its own.
  }
  const code = (found.__type ?? `Status${response.status}`).split("#").pop();
  throw new ServiceError(code, found.message ?? found.Message ?? "", response.status);
}

async function answered(send) {
  try {
    return await send();
  } catch (error) {
    if (error instanceof TypeError) throw new ServiceError("NoAnswer", error.message, 0);
    throw error;
  }
}

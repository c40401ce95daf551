// The server's address, its events and its refusals.
export const LEVELS = ["routine", "soon", "urgent", "emergency"];

// Something that kept the answer from coming. `code` is the server's stable word, or one of this page's own:
// unreachable, broken, cut.
export class Problem extends Error {
  constructor(code, message = "", { status = 0, retryAfter = 0 } = {}) {
    super(message);
    Object.assign(this, { code, status, retryAfter });
  }
}

export const headers = (key) => (key ? { Authorization: `Bearer ${key}` } : {});

async function post(form, key, signal) {
  let response;
  try {
    response = await fetch("/v1/diagnose", { method: "POST", body: form, headers: headers(key), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("unreachable");
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new Problem(body.error?.code ?? "refused", body.error?.message, {
    status: response.status,
    retryAfter: Number.parseInt(response.headers.get("Retry-After"), 10) || 0,
  });
}

// The JSON of every `data:` line until [DONE]. A line that is no JSON, or an end before [DONE], is a Problem: half an
// answer is never taken for a whole one.
async function* serverEvents(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new Problem("cut");
      const blocks = (rest + value).split(/\r?\n\r?\n/);
      rest = blocks.pop();
      for (const block of blocks) {
        const lines = block.split(/\r?\n/).filter((line) => line.startsWith("data:"));
        const data = lines.map((line) => line.slice(5).trimStart()).join("\n");
        if (data === "[DONE]") return;
        if (data) yield parsed(data);
      }
    }
  } catch (error) {
    if (error instanceof Problem || error.name === "AbortError") throw error;
    throw new Problem("cut"); // the network's own error in the middle of the stream
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem("broken");
  }
}

// Send a case, or a question about one; `on` maps an event's type to what is done with it. Gives the answer.
export async function ask(form, key, signal, on) {
  const response = await post(form, key, signal);
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) throw new Problem("broken");
  let answer = null;
  for await (const event of serverEvents(response.body)) {
    if (event.type === "error") throw new Problem(event.error?.code, event.error?.message);
    if (event.type === "answer") answer = event.answer;
    else on[event.type]?.(event);
  }
  if (!answer) throw new Problem("cut");
  const shape = typeof answer.abstained === "boolean" || typeof answer.answer === "string";
  if (!shape || !LEVELS.includes(answer.triage?.level)) throw new Problem("broken");
  return answer;
}

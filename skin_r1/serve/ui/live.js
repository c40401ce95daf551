// What is shown while the model works: its reasoning as it comes, and a few spoken words for screen readers.
import { $, el, icon } from "./dom.js";

const PAUSE = 4000; // ms between two spoken pieces: whole sentences, never single tokens

// The reasoning in what was generated so far: without its tags and without the JSON object that follows it.
export function reasoningOf(text) {
  const end = text.search(/<\/think>|\{\s*"/);
  const body = end < 0 ? text.replace(/(<\/?\w*|\{\s*)$/, "") : text.slice(0, end);
  return body.replace(/^\s*<think>/, "").trimStart();
}

export function adviceItem(advice, number) {
  const where = number ? `Picture ${number}: ` : "";
  const level = advice.level === "refuse" ? "refuse" : "warn";
  return el("li", { class: level }, icon("warn"), el("span", {}, where + advice.message));
}

// Gives {on, stop, say}: handlers of a stream's events by type, what drops all that was shown, and what speaks.
export function liveView(count) {
  let text = "";
  let spoken = 0;
  let spokenAt = 0;
  let frame = 0;
  const say = (words) => { $("spoken").textContent = words; };

  const draw = () => {
    frame = 0;
    const reasoning = reasoningOf(text);
    $("live").textContent = reasoning;
    const whole = reasoning.slice(0, reasoning.lastIndexOf(". ") + 1);
    if (whole.length > spoken && Date.now() - spokenAt > PAUSE) {
      say(whole.slice(spoken));
      [spoken, spokenAt] = [whole.length, Date.now()];
    }
  };
  const stage = (words) => { $("stage").textContent = words; };
  const clear = () => {
    cancelAnimationFrame(frame);
    [text, spoken, frame] = ["", 0, 0];
    $("live").textContent = "";
  };

  clear();
  stage("The pictures are on their way.");
  say("Reading the picture");
  $("working").hidden = false;
  return {
    on: {
      quality: ({ image, advice }) => {
        stage("The pictures were checked. The model begins.");
        $("early-quality").append(...advice.map((one) => adviceItem(one, count > 1 ? image + 1 : 0)));
      },
      token: (event) => {
        text += event.text;
        const complete = /<\/think>|\{\s*"/.test(text);
        stage(complete ? "The reasoning is complete. The answer is being written." : "The model reasons.");
        frame ||= requestAnimationFrame(draw);
      },
      restart: ({ reason }) => {
        clear();
        stage(`The text so far is dropped: ${reason}.`);
        say($("stage").textContent);
      },
      progress: ({ done, of }) => stage(`The same question is asked again to see how sure the answer is: ${done} of ${of}.`),
    },
    stop: () => {
      clear();
      $("early-quality").replaceChildren();
      $("working").hidden = true;
    },
    say,
  };
}

// The agent's desk: says who calls, and loses no note.

const root = document.querySelector("[data-stream]");
const title = document.title;
let announced = "";

/** Tell of a change of state once: to a screen reader, and in the tab's title while it rings. */
function announce() {
  const call = document.querySelector("[data-call]");
  const text = (call ?? document.querySelector("[data-duty]"))?.dataset.announces ?? "";
  document.title = call?.dataset.ringing === "yes" ? `● ${text}` : title;
  if (text === announced) return;
  announced = text;
  document.querySelector("[data-announce]").textContent = text;
}

function marked(form, dirty) {
  form.toggleAttribute("data-dirty", dirty);
  form.toggleAttribute("data-sent", !dirty);
  const state = form.querySelector("[data-note-state]");
  state.textContent = dirty ? state.dataset.unsaved : state.dataset.saved;
}

function noteOf(event) {
  return event.target.closest?.("[data-note]");
}

root?.addEventListener("drawn", () => {
  announce();
  for (const form of document.querySelectorAll("[data-note][data-dirty]")) marked(form, true);
  // A note kept from the call before frees nobody from the wrap-up of the next one.
  for (const form of document.querySelectorAll("[data-note] ~ [data-note]")) form.querySelector("[name=then]")?.remove();
});
document.addEventListener("input", (event) => noteOf(event) && marked(noteOf(event), true));
document.addEventListener("sent", (event) => noteOf(event) && marked(noteOf(event), false));
document.addEventListener("sent", (event) => {
  for (const field of event.target.querySelectorAll("[type=password]")) field.value = "";
});
addEventListener("beforeunload", (event) => {
  if (document.querySelector("[data-note][data-dirty]")) event.preventDefault();
});
announce();
